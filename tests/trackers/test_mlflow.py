"""The study in MLflow, in a SQLite file."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.trial import Status
from ax_mo.trackers import StudyEnd
from ax_mo.trackers.env import StudyTag, trial_environment

from .conftest import begin, paused_trial, record, trial


@pytest.fixture
def mlflow() -> Any:
    """The package, which is imported for 2 s: not when tests are collected."""
    return pytest.importorskip("mlflow")


@pytest.fixture
def experiment(
    mlflow: Any, mlflow_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[str]:
    """One per test, by MLflow's own variables."""
    name = request.node.name
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_file)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(mlflow_file)
    mlflow.create_experiment(name, artifact_location=str(tmp_path / "artifacts"))
    yield name
    mlflow.set_tracking_uri(before)


def tracker(directory: Path, name: str) -> Any:
    from ax_mo.trackers.mlflow import MlflowTracker

    return MlflowTracker(StudyTag("nas", name[-32:]), directory)


def runs(experiment: str) -> dict[str, Any]:
    """By name."""
    from mlflow import MlflowClient

    client = MlflowClient()
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    assert len({run.info.run_name for run in found}) == len(found), "nothing is there twice"
    return {run.info.run_name: run for run in found}


def test_study_is_a_run_with_one_for_each_trial_below_it(mlflow: Any, tmp_path: Path, experiment: str) -> None:
    log = tracker(tmp_path, experiment)
    parent = log.started(record(tmp_path, trial(0, Status.RUNNING)))
    done, failed, stopped = trial(1), trial(2, Status.FAILED), trial(3, Status.EARLY_STOPPED)
    for ended in (done, failed, stopped):
        log.ended(ended)
    log.front([1], 0.25)
    (tmp_path / "report.html").write_text("<p>")
    log.finished(record(tmp_path, done, failed, stopped), tmp_path / "report.html", StudyEnd.FINISHED)
    found = runs(experiment)
    assert found["nas"].info.run_id == parent and found["nas"].info.status == "FINISHED"
    params = found["nas"].data.params
    assert (params["n_trials"], params["seed"]) == ("4", str(record(tmp_path).seed))
    assert params["objective val/acc"] == "maximize, threshold 0.5"
    assert params["space optim.lr"] == "tag(log, interval(0.0001, 0.1))"
    assert found["nas"].data.metrics["hypervolume"] == 0.25
    assert [file.path for file in mlflow.MlflowClient().list_artifacts(parent)] == ["report.html"]
    of_one = found["trial 1"]
    assert of_one.data.params == {"optim.lr": "0.02", "_model_net": "a"}
    assert of_one.data.metrics == {"val/acc": 0.6, "size": 20}
    assert {"mlflow.parentRunId": parent, "ax_mo.pareto": "true"}.items() <= of_one.data.tags.items()
    assert (of_one.info.start_time, of_one.info.end_time) == (1767225601000, 1767225661000)
    assert [found[f"trial {n}"].info.status for n in (1, 2, 3)] == ["FINISHED", "FAILED", "KILLED"]
    assert found["trial 2"].data.tags["ax_mo.reason"] == "ValueError: diverged"


def test_resume_goes_on_with_the_same_run_and_makes_up_for_what_is_missing(tmp_path: Path, experiment: str) -> None:
    first = tracker(tmp_path, experiment)
    parent = first.started(record(tmp_path))
    first.ended(trial(0))
    first.front([0], 0.1)
    again = tracker(tmp_path, experiment)
    assert begin(again, tmp_path, trial(0), trial(1)) == parent
    again.front([1], 0.2)
    again.finished(record(tmp_path, trial(0), trial(1)), None, StudyEnd.INTERRUPTED)
    found = runs(experiment)
    assert set(found) == {"nas", "trial 0", "trial 1"}
    assert found["nas"].info.status == "KILLED"
    assert [found[f"trial {n}"].data.tags["ax_mo.pareto"] for n in (0, 1)] == ["false", "true"]


# BUG: a trial that was logged as it was paused at a rung stayed killed, with the metrics of that rung, when it was
# promoted by a resume.
def test_trial_that_was_paused_at_the_end_of_a_sweep_is_logged_again_when_it_has_trained_on(
    tmp_path: Path, experiment: str
) -> None:
    paused = paused_trial(0)
    for _ in range(2):  # a resume that changes nothing of it
        log = tracker(tmp_path, experiment)
        begin(log, tmp_path, paused)
        log.finished(record(tmp_path, paused), None, StudyEnd.FINISHED)
    run = runs(experiment)["trial 0"]
    assert (run.info.status, run.data.metrics) == ("KILLED", {"val/acc": 0.25, "size": 10})
    complete = trial(0, directory="0/9", reason=None)
    begin(tracker(tmp_path, experiment), tmp_path, complete)
    run = runs(experiment)["trial 0"]
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"val/acc": 0.5, "size": 10})
    assert (run.data.tags["ax_mo.status"], run.data.tags["ax_mo.reason"]) == ("completed", "")


# BUG: a flag that the server had set, but whose answer was lost, was not known of and never taken back.
def test_flag_that_was_set_without_an_answer_is_taken_back(
    mlflow: Any, tmp_path: Path, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_tag = mlflow.MlflowClient.set_tag

    def unanswered(*arguments: Any) -> None:
        set_tag(*arguments)
        raise ConnectionError("the answer was lost")

    log = tracker(tmp_path, experiment)
    begin(log, tmp_path, trial(0), trial(1))
    with monkeypatch.context() as patch, pytest.raises(ConnectionError):
        patch.setattr(mlflow.MlflowClient, "set_tag", unanswered)
        log.front([0], 0.1)
    begin(log, tmp_path, trial(0), trial(1))
    log.front([1], 0.2)
    assert [runs(experiment)[f"trial {n}"].data.tags["ax_mo.pareto"] for n in (0, 1)] == ["false", "true"]


def test_run_that_somebody_deleted_is_made_anew(mlflow: Any, tmp_path: Path, experiment: str) -> None:
    first = begin(tracker(tmp_path, experiment), tmp_path, trial(0))
    mlflow.MlflowClient().delete_run(first)
    second = tracker(tmp_path, experiment).started(record(tmp_path))
    assert second != first and runs(experiment)["nas"].info.run_id == second


# BUG: a server that made a run, but whose answer was lost, was asked for another one.
@pytest.mark.parametrize("samples", [(), ({"val/acc": 0.5, "size": 10.0}, {"val/acc": 0.5, "size": 10.0})])
def test_run_that_was_made_without_an_answer_is_not_made_again(
    mlflow: Any, tmp_path: Path, experiment: str, monkeypatch: pytest.MonkeyPatch, samples: tuple[dict[str, float], ...]
) -> None:
    make = mlflow.MlflowClient.create_run

    def unanswered(*arguments: Any, **named: Any) -> Any:
        make(*arguments, **named)
        monkeypatch.setattr(mlflow.MlflowClient, "create_run", make)
        raise ConnectionError("the answer was lost")

    log = tracker(tmp_path, experiment)
    done = trial(0, samples=samples)
    for step in (lambda: log.started(record(tmp_path)), lambda: log.ended(done)):
        monkeypatch.setattr(mlflow.MlflowClient, "create_run", unanswered)
        with pytest.raises(ConnectionError):
            step()
        step()
    log.finished(record(tmp_path, done), None, StudyEnd.FINISHED)
    found = runs(experiment)
    assert set(found) == {"nas", "trial 0"}
    assert found["trial 0"].data.metrics == done.metrics and found["trial 0"].info.status == "FINISHED"
    assert found["trial 0"].info.end_time == 1767225660000


@pytest.mark.parametrize("parent_known", [True, False])
def test_run_that_the_trial_made_itself_is_completed_and_not_doubled(
    mlflow: Any, tmp_path: Path, experiment: str, monkeypatch: pytest.MonkeyPatch, parent_known: bool
) -> None:
    log = tracker(tmp_path, experiment)
    parent = log.started(record(tmp_path))
    tag = StudyTag("nas", experiment[-32:])
    for attempt in (1, 2):
        run = replace(trial(0), attempt=attempt)
        for key, value in trial_environment(tag, run, parent if parent_known else None, {}).items():
            monkeypatch.setenv(key, value)
        with mlflow.start_run(run_name=f"mine {attempt}"):
            mlflow.log_params({"optim.lr": "as I write it"})
            mlflow.log_metric("val/acc", 0.125)
            with mlflow.start_run(run_name=f"fold {attempt}", nested=True):
                pass
    log.ended(replace(trial(0), attempt=2, samples=()))
    log.finished(record(tmp_path, trial(0)), None, StudyEnd.FINISHED)
    found = runs(experiment)
    # The nested run has the trial's tags, too: then none of the two is the trial's alone.
    assert found["fold 2"].data.tags["mlflow.parentRunId"] == found["mine 2"].info.run_id
    assert {found[f"mine {attempt}"].data.tags["mlflow.parentRunId"] for attempt in (1, 2)} == {parent}


@pytest.mark.long
def test_lightnings_logger_is_grouped_as_well(
    mlflow: Any, tmp_path: Path, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lightning.pytorch.loggers import MLFlowLogger

    log = tracker(tmp_path, experiment)
    parent = log.started(record(tmp_path))
    for key, value in trial_environment(StudyTag("nas", experiment[-32:]), trial(0), parent, {}).items():
        monkeypatch.setenv(key, value)
    logger = MLFlowLogger(experiment, run_name="mine", tracking_uri=mlflow.get_tracking_uri())
    logger.log_metrics({"val/acc": 0.125, "epoch_loss": 1.0}, step=1)
    logger.finalize("success")
    log.ended(trial(0))
    found = runs(experiment)
    assert set(found) == {"nas", "mine"}
    mine = found["mine"].data
    assert mine.metrics == {"val/acc": 0.125, "epoch_loss": 1.0, "size": 10.0}, "what it logged itself stays"
    assert mine.params["optim.lr"] == "0.01"
    assert mine.tags["mlflow.parentRunId"] == parent and mine.tags["ax_mo.status"] == "completed"


def test_password_of_a_server_reaches_it_by_mlflows_own_variables(
    mlflow: Any, tmp_path: Path, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "of another server")
    mlflow.set_tracking_uri("http://someone:s3%2Fcret@127.0.0.1:9")
    tracker(tmp_path, experiment)
    assert mlflow.get_tracking_uri() == "http://127.0.0.1:9"
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "someone" and os.environ["MLFLOW_TRACKING_PASSWORD"] == "s3/cret"
