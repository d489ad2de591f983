"""What a trial's own loggers find in their environment."""

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ax_mo.trackers.env import study_tag, trial_environment
from ax_mo.trial.files import SPEC, write_json
from ax_mo.trial.recorder import ResultRecorder

from .conftest import TAG, trial


def test_runs_are_grouped_and_named() -> None:
    given = trial_environment(TAG, trial(7), None, {})
    tags = json.loads(given.pop("MLFLOW_RUN_CONTEXT"))
    assert given == {
        "WANDB_RUN_GROUP": "nas", "WANDB_NAME": "trial-7", "WANDB_RUN_ID": "0123456789ab-t7", "WANDB_RESUME": "allow",
    }  # fmt: skip
    assert tags["ax_mo.storage"] == "nas" and "mlflow.parentRunId" not in tags
    with_parent = trial_environment(TAG, trial(7), "abc", {})
    assert json.loads(with_parent["MLFLOW_RUN_CONTEXT"])["mlflow.parentRunId"] == "abc"


def test_run_id_survives_a_retry_and_differs_between_repeats() -> None:
    ids = [
        trial_environment(TAG, run, None, {})["WANDB_RUN_ID"]
        for run in (trial(7), replace(trial(7), attempt=2), replace(trial(7), repeat=0), replace(trial(7), repeat=1))
    ]
    assert ids[0] == ids[1] and len(set(ids)) == 3


def test_what_the_user_has_set_stays() -> None:
    present = {"WANDB_RUN_GROUP": "mine", "MLFLOW_RUN_CONTEXT": "{}", "WANDB_RUN_ID": "own"}
    assert trial_environment(TAG, trial(7), None, present) == {"WANDB_NAME": "trial-7"}


@pytest.mark.parametrize(("resume", "given"), [("must", False), ("never", False), ("allow", True)])
def test_no_run_id_that_the_users_way_of_resuming_would_refuse(resume: str, given: bool) -> None:
    assert ("WANDB_RUN_ID" in trial_environment(TAG, trial(7), None, {"WANDB_RESUME": resume})) is given


def test_tag_of_a_study_is_the_same_after_a_resume_and_unlike_another_studys() -> None:
    created = "2026-01-02T03:04:05+00:00"
    tag = study_tag(None, "train", "study", created, 1)
    assert tag == study_tag(None, "train", "study", created, 1)
    assert tag.label == "train-20260102-030405"
    named, other = study_tag("nas", "train", "nas", created, 1), study_tag("nas", "train", "nas", created, 2)
    assert named.label == other.label == "nas" and named.id != other.id


def test_job_in_the_sweepers_process_gets_them_for_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_NAME", "mine")
    config = SimpleNamespace(hydra=SimpleNamespace(runtime=SimpleNamespace(output_dir=str(tmp_path))))
    write_json(tmp_path / SPEC, {"trial": 7, "env": {"WANDB_RUN_ID": "a", "WANDB_NAME": "b"}})
    before = dict(os.environ)
    recorder = ResultRecorder(gives_environment=True)
    recorder.on_job_start(config)
    assert (os.environ["WANDB_RUN_ID"], os.environ["WANDB_NAME"]) == ("a", "mine")
    recorder.on_job_end(config, SimpleNamespace(_return_value=SystemExit(0)))
    assert dict(os.environ) == before


def test_command_run_by_hand_writes_to_no_run_of_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = SimpleNamespace(hydra=SimpleNamespace(runtime=SimpleNamespace(output_dir=str(tmp_path))))
    write_json(tmp_path / SPEC, {"trial": 7, "env": {"WANDB_RUN_ID": "a"}})
    recorder = ResultRecorder()  # as the command's own callback makes it
    recorder.on_job_start(config)
    assert "WANDB_RUN_ID" not in os.environ
    recorder.on_job_end(config, SimpleNamespace(_return_value=SystemExit(0)))
