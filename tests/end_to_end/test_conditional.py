"""A study whose parameters depend on its config groups, on the example project as it is but for its training."""

import csv
import json
import shlex
import shutil
import sys

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.support.long import LONG
from tests.support.sweeps import ROOT, run

pytestmark = pytest.mark.longer

TRIALS = 30 if LONG else 8
"""`make test-long` also trains: each trial imports Lightning."""
TRAINED = "    metrics = train(cfg)\n"
UNTRAINED = """\
    sizes = [cfg.model.get(name, 0) for name in ("hidden1", "hidden")]
    metrics = {"val_acc": 1 - cfg.model.dropout, "num_params": sum(sizes)}
"""

OF_MODEL = {
    "mlp": {"model.hidden1", "model.hidden2", "model.dropout"},
    "cnn": {"model.channels", "model.hidden", "model.dropout"},
}
OF_OPTIM = {"adam": {"optim.lr", "optim.betas"}, "sgd": {"optim.lr", "optim.momentum"}}
LR = {"adam": (1e-4, 1e-2), "sgd": (1e-2, 1.0)}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    directory = tmp_path_factory.mktemp("conditional")
    project = shutil.copytree(ROOT / "example_project", directory / "project")
    if not LONG:
        text = (project / "train.py").read_text()
        assert TRAINED in text
        (project / "train.py").write_text(text.replace(TRAINED, UNTRAINED))
    argv = [
        sys.executable,
        str(project / "train.py"),
        "-m",
        "+experiment=architectures",
        f"hydra.sweep.dir={directory / 'sweep'}",
    ]
    # One epoch each: what is looked at here are the command lines.
    settings = [
        f"hydra.sweeper.n_trials={TRIALS}",
        f"hydra.sweeper.n_startup_trials={8 if LONG else 7}",
        "hydra.sweeper.seed=1",
    ]
    done = run([*argv, *settings, "trainer.max_epochs=1"], cwd=directory, timeout=800)
    assert done.returncode == 0, done.output
    return directory / "sweep", done.output


def overrides_of(trial):
    """The task's overrides on the trial's command line, by key."""
    words = shlex.split((trial / "command.sh").read_text().splitlines()[-1].removeprefix("exec "))
    lines = [word for word in words[2:] if not word.lstrip("+").startswith(("hydra.", "hydra/"))]
    return {o.get_key_element(): o.value() for o in OverridesParser.create().parse_overrides(lines)}


def test_every_command_line_holds_what_is_active_and_nothing_else(study):
    directory, _ = study
    kinds = set()
    for number in range(TRIALS):
        given = overrides_of(directory / str(number))
        model, optim = given["model"], given["optim"]
        kinds.add((model, optim))
        expected = {"+experiment", "trainer.max_epochs", "model", "optim"} | OF_MODEL[model] | OF_OPTIM[optim]
        assert set(given) == expected
        low, high = LR[optim]
        assert low <= given["optim.lr"] <= high
        if optim == "adam":
            assert given["optim.betas"] in ([0.9, 0.999], [0.9, 0.99], [0.8, 0.99])
        config = yaml.safe_load((directory / str(number) / ".hydra" / "config.yaml").read_text())
        for key, value in given.items():
            section, _, name = key.partition(".")
            if name and section != "+experiment":
                assert config[section][name] == value
    assert len(kinds) == 4


def test_no_configuration_ran_twice(study):
    directory, _ = study
    seen = [json.dumps(overrides_of(directory / str(number)), sort_keys=True) for number in range(TRIALS)]
    assert len(set(seen)) == TRIALS


def test_inactive_parameters_are_blank_in_the_table(study):
    directory, _ = study
    with (directory / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["generator"] for row in rows} >= {"config", "sobol", "model"}
    for row in rows:
        own, other = (OF_MODEL["mlp"], "cnn") if row["params.model"] == "mlp" else (OF_MODEL["cnn"], "mlp")
        assert all(row[f"params.{key}"] for key in own)
        assert not any(row[f"params.{key}"] for key in OF_MODEL[other] - own)
        assert bool(row["params.optim.momentum"]) == (row["params.optim"] == "sgd")


def test_point_of_the_front_runs_by_name(study):
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
