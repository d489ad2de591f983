"""The example project: an ordinary Lightning project that knows nothing of ax_mo but its YAML."""

import csv
import json
import shlex
import sys

import pytest
import yaml

from ax_mo.trial.files import PID
from tests.support.sweeps import ROOT, run

TRAIN = ROOT / "example_project" / "train.py"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    directory = tmp_path_factory.mktemp("example")
    argv = [sys.executable, str(TRAIN), "-m", "+experiment=nas", f"hydra.sweep.dir={directory / 'sweep'}"]
    settings = ["hydra.sweeper.n_trials=3", "hydra.sweeper.n_startup_trials=2", "hydra.sweeper.seed=1",
                "hydra.sweeper.n_jobs=1"]  # fmt: skip
    done = run([*argv, *settings], cwd=directory, timeout=600, forked=False)
    assert done.returncode == 0, done.output
    return directory / "sweep", done.output


def test_no_line_of_its_python_knows_ax_mo():
    assert all("ax_mo" not in path.read_text() for path in TRAIN.parent.rglob("*.py"))


def test_every_trial_leaves_its_directory(study):
    directory, _ = study
    for number in range(3):
        trial = directory / str(number)
        assert (trial / ".hydra" / "config.yaml").exists()
        result = json.loads((trial / "result.json").read_text())
        assert result["schema"] == 1 and result["trial"] == number and result["status"] == "completed"
        returned = {"val_acc", "val_loss", "num_params", "train_seconds"}
        built_in = {"num_params_total", "fit_seconds", "trial_seconds", "peak_memory_mb"}
        sources = {name: source for name, source in result["sources"].items() if name in returned}
        assert sources == {
            "val_acc": "lightning", "val_loss": "lightning", "num_params": "returned", "train_seconds": "returned",
        }  # fmt: skip
        assert "differences" not in result
        assert set(result["metrics"]) == returned | built_in | {"train_loss"}
        assert (trial / "command.sh").exists() and (trial / "stderr.log").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux alone")
def test_trials_after_the_first_are_forked(study):
    directory, _ = study
    assert "(sh)" not in (directory / "2" / PID).read_text()  # which would start Python


def test_table_results_and_multirun_agree(study):
    directory, output = study
    with (directory / "trials.csv").open(newline="") as file:
        trials = {int(row["trial"]): row for row in csv.DictReader(file)}
    assert len(trials) == 3
    assert {row["generator"] for row in trials.values()} == {"center", "sobol", "model"}
    results = yaml.safe_load((directory / "optimization_results.yaml").read_text())
    assert results["name"] == "ax_mo" and results["solutions"]
    for solution in results["solutions"]:
        row = trials[solution["trial"]]
        assert float(row["metrics.val_acc"]) == solution["values"]["val_acc"]
        assert int(row["params.model.hidden1"]) == solution["params"]["model.hidden1"]
        assert (directory / "pareto" / f"trial_{solution['trial']}.yaml").exists()
        better = [
            other
            for other in trials.values()
            if float(other["metrics.val_acc"]) > solution["values"]["val_acc"]
            and float(other["metrics.num_params"]) < solution["values"]["num_params"]
        ]
        assert not better
    multirun = yaml.safe_load((directory / "multirun.yaml").read_text())
    assert multirun["hydra"]["sweeper"]["n_trials"] == 3
    assert "Pareto front" in output and "to resume:" in output


def test_output_holds_no_noise_of_the_libraries(study):
    _, output = study
    for line in output.splitlines():
        assert not line.startswith(("[INFO", "[WARNING", "torchx", "INFO", "WARNING")), line
        assert "Warning" not in line, line


def test_promoted_point_repeats_the_trial(study):
    directory, output = study
    line = next(line for line in output.splitlines() if line.startswith("Run a point again: "))
    argv = shlex.split(line.removeprefix("Run a point again: "))
    number = argv[-1].removeprefix("+pareto=trial_")
    again = directory.parent / "again"
    done = run([*argv, f"hydra.run.dir={again}"], cwd=directory)
    assert done.returncode == 0, done.output
    assert yaml.safe_load((again / ".hydra/config.yaml").read_text()) == yaml.safe_load(
        (directory / number / ".hydra/config.yaml").read_text()
    )
    metrics = json.loads((directory / number / "result.json").read_text())["metrics"]
    assert f"val_acc={round(metrics['val_acc'], 4)}" in (again / "train.log").read_text()
