"""The schema by which editors check an experiment file: what it lets through, and what it marks."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from omegaconf import OmegaConf

from ax_mo.errors import AxMoError
from ax_mo.experiment_file.json_schema import SCHEMA_FILE, experiment_schema, put_schema_beside
from ax_mo.runner.settings import LauncherSettings
from ax_mo.sweep.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENTS = [
    *(ROOT / "example_project" / "conf" / "experiment").glob("*.yaml"),
    *(ROOT / "tests" / "shapes").glob("*/added/**/*.yaml"),
    *(ROOT / "tests" / "apps" / "template" / "configs" / "hparams_search").glob("*.yaml"),
]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return experiment_schema()


def complaints(schema: dict[str, Any], content: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft7Validator(schema).iter_errors(content)]


def test_it_is_a_schema_that_describes_every_setting(schema: dict[str, Any]) -> None:
    Draft7Validator.check_schema(schema)
    for part, settings in (("sweeper", Settings), ("launcher", LauncherSettings)):
        properties = schema["definitions"][part]["properties"]
        assert all(properties[name]["description"] for name in vars(settings()))


def test_experiments_that_run_are_valid(schema: dict[str, Any]) -> None:
    assert len(EXPERIMENTS) > 10
    for path in EXPERIMENTS:
        content: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        assert complaints(schema, content) == [], path


@pytest.mark.parametrize("value", [{}, None, {"rule": "dominated", "k": 3, "min_steps": "${steps}"}])
def test_blocks_may_be_null(schema: dict[str, Any], value: Any) -> None:
    assert complaints(schema, {"hydra": {"sweeper": {"early_stopping": value}}}) == []


def test_goals_may_be_numbers_and_expressions(schema: dict[str, Any]) -> None:
    objectives = {
        "angle": 90,
        "level": {"goal": 3, "tolerance": 0.5},
        "both": {"goal": "minimize", "expression": "a+b"},
    }
    assert complaints(schema, {"hydra": {"sweeper": {"objectives": objectives}}}) == []


@pytest.mark.parametrize(
    "block",
    [
        {"n_trails": 3}, {"n_trials": 0}, {"n_trials": "many"}, {"n_jobs": "all"}, {"trial_timeout": 0},
        {"objectives": {"acc": "max"}}, {"objectives": {"acc": {"threshold": 1}}}, {"report": "yes"},
        {"early_stopping": {"min_steps": "one"}},
    ],
)  # fmt: skip
def test_wrong_settings_are_marked(schema: dict[str, Any], block: dict[str, Any]) -> None:
    assert complaints(schema, {"hydra": {"sweeper": block}})


def test_launcher_is_checked_unless_another_is_chosen(schema: dict[str, Any]) -> None:
    def found(launcher: dict[str, Any], *defaults: Any) -> list[str]:
        return complaints(schema, {"defaults": ["_self_", *defaults], "hydra": {"launcher": launcher}})

    assert found({"scheduler": "slurm", "gpu": "${trainer.devices}", "scheduler_args": {"partition": "gpu"}}) == []
    assert found({"gpus": 1})
    assert found({"verbose": 1}, {"override /hydra/launcher": "joblib"}) == []


def test_schema_of_another_release_is_replaced_and_other_files_are_not(tmp_path: Path) -> None:
    file = tmp_path / SCHEMA_FILE
    file.write_text('{"$id": "urn:ax_mo:experiment:0.0.1"}')
    put_schema_beside(tmp_path / "search.yaml")
    assert '"definitions"' in file.read_text()
    file.write_text("{}")
    with pytest.raises(AxMoError, match="is no schema of ax_mo"):
        put_schema_beside(tmp_path / "search.yaml")
