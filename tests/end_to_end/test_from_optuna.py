"""Search blocks that were written for Optuna's sweeper, in a project in the shape of the Lightning templates."""

import shutil
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import hydra
import pytest
import yaml

from tests.support.sweeps import APPS

SEARCHES = Path("configs") / "hparams_search"


@pytest.fixture
def template(sweep):
    shutil.rmtree(sweep.project)
    shutil.copytree(APPS / "template", sweep.project)
    sweep.script = sweep.project / "src" / "train.py"
    return sweep


def search(template, name: str, *overrides: str, multirun: bool = True):
    argv = [sys.executable, str(template.script), *(["-m"] if multirun else [])]
    return template.run(argv=[*argv, f"hparams_search={name}", f"hydra.sweep.dir={template.dir}", *overrides])


def configs(template, trials: Iterable[Any]) -> list[dict[str, Any]]:
    """What the trials were run with."""
    return [yaml.safe_load((template.dir / str(number) / ".hydra" / "config.yaml").read_text()) for number in trials]


def test_block_of_the_templates_runs_with_two_lines_changed(template):
    if hydra.__version__.startswith("1.3"):  # Hydra 1.4 has the mode on the command line alone
        file = template.project / SEARCHES / "mnist.yaml"
        text = file.read_text()
        file.write_text(text.replace("hydra:\n", 'hydra:\n  mode: "MULTIRUN"\n', 1))
        assert file.read_text() != text
        done = search(template, "mnist", multirun=False)
    else:
        done = search(template, "mnist")
    assert done.returncode == 0, done.output
    assert "hydra.sweeper.sampler is ignored: Ax chooses the points." in done.output
    assert "written here as seed: 1234, n_startup_trials: 10" in done.output
    assert [trial["status"] for trial in template.trials()] == ["completed"] * 3
    ran = configs(template, range(3))
    assert all(0.0001 <= config["model"]["optimizer"]["lr"] <= 0.1 for config in ran)
    assert {config["data"]["batch_size"] for config in ran} <= {32, 64, 128, 256}
    (best,) = template.solutions()
    assert set(best["values"]) == {"objective"}
    accuracies = [float(trial["metrics.objective"]) for trial in template.trials()]
    assert best["values"]["objective"] == max(accuracies)


def optuna_database(path: Path) -> None:
    """Tables as Optuna makes them, as far as another program could get in their way."""
    with sqlite3.connect(path) as database:
        database.executescript(
            """
            CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name VARCHAR(512) NOT NULL UNIQUE);
            CREATE TABLE trials (
                trial_id INTEGER PRIMARY KEY, number INTEGER, study_id INTEGER REFERENCES studies, state VARCHAR(8)
            );
            CREATE TABLE version_info (version_info_id INTEGER PRIMARY KEY, schema_version INTEGER);
            CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY);
            INSERT INTO studies VALUES (1, 'both');
            INSERT INTO trials VALUES (1, 0, 1, 'COMPLETE');
            INSERT INTO version_info VALUES (1, 12);
            INSERT INTO alembic_version VALUES ('v3.2.0.a');
            """
        )


def test_spellings_of_search_spaces_run_beside_optunas_own_study_up_to_a_total(template):
    file = template.tmp_path / "optuna.db"
    optuna_database(file)
    stored = [f"hydra.sweeper.storage=sqlite:///{file}", "hydra.sweeper.study_name=both"]

    done = search(template, "pareto", *stored)
    assert done.returncode == 0, done.output
    done = search(template, "pareto", *stored, "hydra.sweeper.n_trials=4")
    assert done.returncode == 0, done.output

    assert "resuming after 3 ended trials" in done.output
    assert [trial["status"] for trial in template.trials()] == ["completed"] * 4
    assert {"objective_0", "objective_1"} <= set(template.result(0)["metrics"])
    for config in configs(template, range(4)):
        net, optimizer = config["model"]["net"], config["model"]["optimizer"]
        assert net["sizes"] in ([64, 128], [128, 64], [32])
        assert net["layers"] in (1, 2, 3, 4)
        assert isinstance(net["layers"], int)
        assert round(net["dropout"], 9) in (0.0, 0.1, 0.2, 0.3, 0.4)
        assert net["activation"] in ("relu", "tanh")
        assert 0 <= optimizer["weight_decay"] <= 1
        assert config["trainer"]["max_epochs"] == 4
    # Both directions count: the front is what no other trial beats in both.
    values = [(-float(t["metrics.objective_0"]), float(t["metrics.objective_1"])) for t in template.trials()]
    front = {i for i, a in enumerate(values) if not any(b[0] >= a[0] and b[1] >= a[1] and b != a for b in values)}
    assert {solution["trial"] for solution in template.solutions()} == front
    assert not (template.dir / "study.db").exists()
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT * FROM trials").fetchall() == [(1, 0, 1, "COMPLETE")]
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [("v3.2.0.a",)]
        assert database.execute("SELECT name FROM ax_mo_study").fetchall() == [("both",)]


@pytest.mark.long
def test_older_dialect_keeps_every_type(template):
    done = search(template, "dialect")
    assert done.returncode == 0, done.output
    assert "hydra.sweeper.sampler is ignored" in done.output
    assert "method: random_search" in done.output
    assert [trial["status"] for trial in template.trials()] == ["completed"] * 4
    for config in configs(template, range(4)):
        net, optimizer = config["model"]["net"], config["model"]["optimizer"]
        assert isinstance(optimizer["lr"], float)
        assert 1e-4 <= optimizer["lr"] <= 1
        assert isinstance(optimizer["weight_decay"], float)
        assert net["dropout"] in (0.0, 0.1, 0.2, 0.3)
        assert net["layers"] in (1, 2, 3)
        assert config["data"]["batch_size"] in (32, 64, 96)
        assert optimizer["name"] in ("adam", "sgd")
        assert optimizer["nesterov"] is None or optimizer["nesterov"] is True or optimizer["nesterov"] == "1"


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        (
            "other_grammar",
            [],
            "hydra.sweeper.params.model.net.dropout: 'uniform(...)' is not in Hydra's grammar; write int",
        ),
        (
            "dialect",
            ["hydra.sweeper.search_space.model.optimizer.momentum={type: float, low: 0, high: 1}"],
            "hydra.sweeper.search_space.model.optimizer.momentum: the project's configuration has no key",
        ),
    ],
)
def test_is_refused_in_one_message(template, name, overrides, message):
    done = search(template, name, *overrides)
    assert done.returncode == 1
    assert message in done.output
    assert "Traceback" not in done.output
    assert not template.dir.exists()
