"""``ax-mo init`` on projects that know nothing of us: the file that it writes runs as it is."""

import csv
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.sweeps import ROOT, run

from .conftest import Cli

SHAPES = ROOT / "tests" / "shapes"


def checkout(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    source = ROOT / "example_project" if name == "example_project" else SHAPES / name / "project"
    shutil.copytree(source, tmp_path / "project", ignore=shutil.ignore_patterns("multirun", "outputs"))
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def line(out: str, before: str) -> list[str]:
    (found,) = re.findall(rf"^{before}: +(.*)$", out, re.MULTILINE)
    return [sys.executable, *shlex.split(found)[1:]]


@pytest.mark.parametrize(
    ("name", "program", "file", "objectives", "keys"),
    [
        (
            "example_project", "python train.py", "conf/experiment/search.yaml",
            {"val_acc": "maximize", "num_params": "minimize"},
            {"model", "optim", "data.batch_size", "model.hidden1", "model.channels", "optim.weight_decay"},
        ),
        (
            "config_store", "train.py", "conf/experiment/search.yaml", {"value_0": "minimize", "width": "minimize"},
            {"model", "lr", "model.depth"},
        ),
        (
            "task_wrapper", "python ./src/train.py", "configs/experiment/search.yaml",
            {"val/acc": "maximize", "model/width": "minimize"}, {"model", "model.lr"},
        ),
        pytest.param(
            "lightning_template", "python src/train.py trainer.max_epochs=1", "configs/experiment/search.yaml",
            {"val/acc": "maximize", "num_params": "minimize"}, {"model.optimizer.lr", "model.net.hidden_size"},
            marks=pytest.mark.long,
        ),
    ],
)  # fmt: skip
def test_file_runs_unchanged(
    cli: Cli, name: str, program: str, file: str, objectives: dict[str, str], keys: set[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    project = checkout(name, tmp_path, monkeypatch)
    done = cli("init", *shlex.split(program))
    assert done.code == 0 and "Warning" not in done.out, done
    written = yaml.safe_load((project / file).read_text())["hydra"]["sweeper"]
    assert written["objectives"] == objectives
    assert keys <= written["params"].keys()
    assert (project / file).with_name("ax_mo.schema.json").exists()

    dry = run(line(done.out, "Look at it first"), project)
    assert dry.returncode == 0 and "first the project's own configuration" in dry.output, dry.output
    if name in ("config_store", "lightning_template"):
        command = [*line(done.out, "Run it"), "hydra.sweeper.n_trials=2", f"hydra.sweep.dir={tmp_path / 'sweep'}"]
        swept = run(command, project)
        with (tmp_path / "sweep" / "trials.csv").open(newline="") as table:
            assert [trial["status"] for trial in csv.DictReader(table)] == ["completed"] * 2, swept.output


def test_project_that_has_chosen_another_sweeper_is_asked_with_ours(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout("optuna_layout", tmp_path, monkeypatch)
    out = cli("init", "sphere.py").out
    assert "Run it:           python sphere.py -m hydra/sweeper=ax_mo +experiment=search" in out
    assert "Warning: Hydra leaves out all that the project's primary config says (x, y)" in out
    assert "Nothing was found that looks worth a search" in out


def test_file_that_exists_is_kept(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = checkout("config_store", tmp_path, monkeypatch)
    (project / "conf" / "experiment").mkdir(parents=True)
    (project / "conf" / "experiment" / "search.yaml").write_text("mine: 1\n")
    refused = cli("init", "train.py")
    assert refused.code == 1 and "exists; --force overwrites it" in refused.err
    assert (project / "conf" / "experiment" / "search.yaml").read_text() == "mine: 1\n"


def test_what_is_typed_stays_as_it_is_and_options_may_stand_anywhere(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = checkout("config_store", tmp_path, monkeypatch)
    (project / "mine").mkdir()
    done = cli("init", "python", "train.py", "model=wide", "lr=0.2", "--to", "mine/first.yaml")
    assert "python train.py -m --config-dir . model=wide lr=0.2 +mine=first" in done.out
    assert yaml.safe_load((project / "mine" / "first.yaml").read_text())["hydra"]["sweeper"]["params"] == {
        "model.width": "tag(log, int(interval(16, 128)))", "model.depth": "int(interval(1, 3))",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Name the program that trains"),
        (["no-such-program"], "'no-such-program' is no Python program"),
        (["python"], "The program is missing"),
        (["python", "gone.py"], "There is no gone.py in "),
        (["train.py", "lr=no number"], "'python train.py' does not compose: "),
    ],
)
def test_program_that_cannot_be_asked_is_told(
    cli: Cli, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout("config_store", tmp_path, monkeypatch)
    done = cli("init", *words)
    assert done.code == 1 and message in done.err


def test_schema_alone_goes_to_a_file_or_to_the_output(cli: Cli, tmp_path: Path) -> None:
    assert '"definitions"' in cli("init", "--json-schema").out
    assert cli("init", "--json-schema", tmp_path / "a.json").code == 0
    assert "exists; --force" in cli("init", "--json-schema", tmp_path / "a.json").err


def test_file_of_another_sweeper_is_translated(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "search_space").mkdir()
    (tmp_path / "smac.yaml").write_text(
        "defaults: [_self_, {search_space: mlp}]\n"
        "hydra: {sweeper: {n_trials: 10, budget_variable: epochs, search_space: '${search_space}'}}\n"
    )
    (tmp_path / "search_space" / "mlp.yaml").write_text(
        "hyperparameters:\n  lr: {type: uniform_float, lower: 1e-4, upper: 0.1, log: true}\n"
    )
    (tmp_path / "params.yaml").write_text("x:\n  type: range\n  bounds: [1e-6, 1]\n")
    (tmp_path / "space.json").write_text('{"hyperparameters": [{"name": "x", "type": "constant", "value": 1}]}')
    for name, params in (
        ("smac.yaml", {"lr": "tag(log, interval(0.0001, 0.1))"}),
        ("params.yaml", {"x": "interval(1e-06, 1)"}),
        ("space.json", {"x": 1}),
    ):  # all with a direction, which a search needs
        printed = cli("init", "--from", tmp_path / name).out
        assert printed.startswith("# @package _global_\n")
        sweeper = yaml.safe_load(printed)["hydra"]["sweeper"]
        assert (sweeper["params"], sweeper["direction"]) == (params, "minimize")
    assert cli("init", "--from", tmp_path / "smac.yaml", "--to", tmp_path / "ours.yaml").code == 0
    assert "for ConfigSpace (hypersweeper)" in (tmp_path / "ours.yaml").read_text()
    (tmp_path / "other.yaml").write_text("a: 1\n")
    assert "holds nothing of Hydra's Ax" in cli("init", "--from", tmp_path / "other.yaml").err
    assert "cannot be read: No such file" in cli("init", "--from", tmp_path / "gone.yaml").err
