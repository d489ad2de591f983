"""A project in the usual shape of a Lightning + Hydra template, unmodified but for one YAML file."""

import csv
import shutil
import sys

import hydra
import pytest
import yaml

from ax_mo.hydra_project.job_directory import prepare_directory
from ax_mo.hydra_project.program import RECORDER
from ax_mo.trial.curve import read_curve
from ax_mo.trial.files import LIGHTNING, RESULT, STOP, read_json, write_json
from tests.support.curves import values
from tests.support.sweeps import ROOT, Sweep, run

pytestmark = pytest.mark.skipif(
    hydra.__version__.startswith("1.4.0rc"),
    reason="with hydra-core 1.4.0rc3 the template fails by itself: save_hyperparameters finds no optimizer",
)

SHAPE = ROOT / "tests" / "shapes" / "lightning_template"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    sweep = Sweep(tmp_path_factory.mktemp("template"))
    shutil.rmtree(sweep.project)
    for part in ("project", "added"):
        shutil.copytree(SHAPE / part, sweep.project, dirs_exist_ok=True)
    sweep.script = sweep.project / "src" / "train.py"
    argv = [sys.executable, "project/src/train.py", "-m", "hparams_search=ax", f"hydra.sweep.dir={sweep.dir}",
            "hydra.sweeper.n_trials=1"]  # fmt: skip
    done = run(argv, cwd=sweep.tmp_path, timeout=600)
    assert done.returncode == 0, done.output
    return sweep


def curve(sweep, number):
    with (sweep.dir / str(number) / "csv" / "version_0" / "metrics.csv").open(newline="") as file:
        return [float(row["val/acc_best"]) for row in csv.DictReader(file) if row["val/acc_best"]]


def test_every_trial_has_both_objectives(study):
    trials = study.trials()
    assert [trial["status"] for trial in trials] == ["completed"]
    for trial in trials:
        hidden = int(trial["params.model.net.hidden_size"])
        assert float(trial["metrics.num_params"]) == 2 * hidden + hidden + 3 * hidden + 3
        assert float(trial["metrics.val/acc_best"]) == pytest.approx(curve(study, trial["trial"])[-1], rel=1e-6)
    assert study.solutions()


def test_result_says_where_each_metric_is_from(study):
    result = study.result(0)
    sources = result["sources"]
    assert sources["val/acc_best"] == "lightning"
    assert sources["num_params"] == sources["fit_seconds"] == sources["peak_memory_mb"] == "built-in"
    assert {"val/acc", "val/loss", "train/acc", "test/acc"} <= sources.keys()
    assert result["value"] == result["metrics"]["val/loss"]
    assert "dropped" not in result


def test_curve_has_a_point_for_each_epoch(study):
    points = read_curve(study.dir / "0").points
    assert [point.step for point in points] == [0, 1, 2, 3]
    assert [point.metrics["val/acc_best"] for point in points] == pytest.approx(curve(study, 0), rel=1e-6)


def test_checkpoints_and_configs_are_where_the_project_puts_them(study):
    assert (study.dir / "0" / "checkpoints" / "last.ckpt").is_file()
    assert yaml.safe_load((study.dir / "0" / ".hydra" / "config.yaml").read_text())["trainer"]["max_epochs"] == 4


@pytest.mark.long
def test_stop_ends_both_processes_of_a_trial_at_the_same_epoch_and_they_leave_one_record(study, tmp_path):
    """What one trial leaves whose project trains on two processes, and who is asked to stop from the beginning."""
    spec = {"trial": 0, "attempt": 1, "objectives": ["val/acc"], "required": ["val/acc", "num_params"]}
    prepare_directory(tmp_path, spec, (), tmp_path, "Trial 0")
    write_json(tmp_path / STOP, {"reason": "dominated"})
    argv = [sys.executable, str(study.script), "trainer=ddp", "seed=1", f"hydra.run.dir={tmp_path}",
            "trainer.max_epochs=1000", "trainer.min_epochs=900"]  # fmt: skip
    done = run([*argv, f"++hydra.callbacks.ax_mo._target_={RECORDER}"], cwd=study.tmp_path)
    assert done.returncode == 0, done.output
    result = read_json(tmp_path / RESULT)
    assert result is not None, done.output
    assert done.output.count("Starting training!") == 2
    assert (result["status"], result["stopped"], result["error"]) == ("completed", "dominated", None)
    assert "dropped" not in result
    assert result["metrics"]["num_params"] == 99 and "test/acc" in result["metrics"]
    assert list(values(read_curve(tmp_path), "val/acc")) == [0]
    assert result["metrics"]["val/acc"] == read_curve(tmp_path).last()["val/acc"]
    record = read_json(tmp_path / LIGHTNING)
    assert record is not None and (record["fits"], record["started"]) == (1, 1)
    assert list((tmp_path / "checkpoints").glob("*.ckpt"))
