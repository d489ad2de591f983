"""How the runs and trials of a study change; no job runs here."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ax_mo.core.repeats import Repeats
from ax_mo.core.stop_reason import StopKind, StopReason
from ax_mo.core.trial import Outcome, Status, TrialRun
from ax_mo.early_stopping.successive_halving import SuccessiveHalving
from ax_mo.runner.job import JobState, Phase
from ax_mo.trial.files import SPEC, STOP
from tests.sweep.running import leave_curve, leave_result, running, study_of

WHY = "dominated at step 3 by trial 0"
ENDED = JobState(Phase.ENDED)


# Metrics of the configuration


class Project:
    """Composes what the overrides say, or nothing at all."""

    def compose_to_read(self, overrides: Sequence[str]) -> DictConfig:
        if "broken" in overrides:
            raise HydraException("no such option")
        hydra = {"job": {}, "overrides": {"task": list(overrides)}}
        return OmegaConf.create({"width": int(overrides[0]), "hydra": hydra})


@pytest.mark.parametrize(("override", "known"), [("7", {"n": 14}), ("broken", {})])
def test_trial_that_runs_again_has_its_metrics_of_the_configuration(
    tmp_path: Path, override: str, known: dict[str, float]
) -> None:
    run = running(status=Status.CANCELLED, overrides=(override,))
    metrics = {"n": {"source": "config", "key": "2 * width"}}
    study_of(tmp_path, run, project=Project(), metrics=metrics).retry(run)
    assert json.loads((tmp_path / "1" / SPEC).read_text())["config"] == known


# Cancelled by the user


@pytest.mark.parametrize(
    ("result", "status"),
    [(None, Status.CANCELLED), ("failed", Status.CANCELLED), ("completed", Status.COMPLETED)],
)
def test_cancelled_run_counts_as_ended_only_if_it_had_completed(
    tmp_path: Path, result: str | None, status: Status
) -> None:
    run = running()
    study = study_of(tmp_path, run)
    if result is not None:
        leave_result(tmp_path, run, result)
    study.cancel(run.key)
    assert study.runs[run.key].status is status


@pytest.mark.parametrize("result", [None, "failed"])
def test_cancelled_run_that_had_been_asked_to_stop_is_stopped_early(tmp_path: Path, result: str | None) -> None:
    run = running(reason=WHY)
    study = study_of(tmp_path, run)
    leave_curve(tmp_path, run, 0.1, 0.2)
    if result is not None:
        leave_result(tmp_path, run, result)
    study.cancel(run.key)
    ended = study.runs[run.key]
    assert (ended.status, ended.reason, ended.metrics) == (Status.EARLY_STOPPED, WHY, {"acc": 0.2})


# Ended by us since it did not stop


def test_run_that_fails_of_being_ended_after_its_grace_is_stopped_early(tmp_path: Path) -> None:
    run = running(reason=WHY)
    study = study_of(tmp_path, run)
    leave_curve(tmp_path, run, 0.1)
    leave_result(tmp_path, run, "failed")
    assert study.outcome(run.key, ENDED, ended_by_us=True).status is Status.EARLY_STOPPED
    assert study.outcome(run.key, ENDED).status is Status.FAILED


# Requests to stop


def test_request_that_was_recorded_and_never_written_is_written_for_an_adopted_run(tmp_path: Path) -> None:
    run = running(reason=WHY)
    study_of(tmp_path, run).adopted(run.key)
    assert json.loads((tmp_path / "1" / STOP).read_text()) == {"reason": WHY}


def test_request_that_is_there_keeps_its_time(tmp_path: Path) -> None:
    run = running(reason=WHY)
    study = study_of(tmp_path, run)
    study.repeat_stop_request(run)
    before = (tmp_path / "1" / STOP).stat().st_mtime_ns
    study.repeat_stop_request(run)
    assert (tmp_path / "1" / STOP).stat().st_mtime_ns == before


def test_run_that_nobody_asked_is_not_asked_again(tmp_path: Path) -> None:
    run = running()
    study_of(tmp_path, run).adopted(run.key)
    assert not (tmp_path / "1" / STOP).exists()


# Repeats


def test_stopped_repeat_asks_the_others_to_stop_and_completed_ones_are_the_data(tmp_path: Path) -> None:
    first, second = (running(repeat=n, directory=f"1/{n}", overrides=(f"seed={n}",)) for n in (0, 1))
    study = study_of(tmp_path, first, second, repeats=Repeats(2, "seed", 0))
    assert study.finish(first.key, Outcome({"acc": 0.9})) is None
    trial = study.finish(second.key, Outcome({"acc": 0.2}, WHY, stopped=True))
    assert trial is not None
    assert (trial.status, trial.metrics) == (Status.EARLY_STOPPED, {"acc": 0.9})


def test_run_that_goes_on_when_another_repeat_has_stopped_is_asked_to_stop(tmp_path: Path) -> None:
    first, second = (running(repeat=n, directory=f"1/{n}", overrides=(f"seed={n}",)) for n in (0, 1))
    study = study_of(tmp_path, first, second, repeats=Repeats(2, "seed", 0))
    assert study.finish(first.key, Outcome({"acc": 0.2}, WHY, stopped=True)) is None
    assert study.runs[second.key].reason == WHY
    assert (tmp_path / "1" / "1" / STOP).exists()


# What is to be done


def test_interrupted_study_starts_nothing_more(tmp_path: Path) -> None:
    study = study_of(tmp_path, running())
    study.retry_later(study.runs[1, None])
    assert study.wants_more and study.remaining_trials == 1
    study.draining = True
    assert not study.wants_more and study.next_job() is None


def test_study_that_stops_submits_what_is_ready_and_repeats_nothing(tmp_path: Path) -> None:
    study = study_of(tmp_path, running(number=1), running(number=2), n_trials=5)
    study.retry_later(study.runs[1, None])
    study.put_back(study.creator.prepare(study.runs[2, None]))
    study.stop_reason = StopReason(StopKind.TIMEOUT, "timeout_hours=1 are over")
    ready = study.next_job()
    assert ready is not None and ready.key == (2, None)
    assert study.next_job() is None and not study.wants_more


# Rungs


HALVING = SuccessiveHalving("successive_halving", "epochs", max=9, resume_key="ckpt", checkpoint="*.pt")


def rungs_of_trial(number: int, *accuracies: float) -> list[TrialRun]:
    """The runs of a trial that has paused at its last rung."""
    runs = [HALVING.first_run(running(number, status=Status.ASKED, handle=None))]
    for acc in accuracies:
        runs[-1] = runs[-1].ended_by(Outcome({"acc": acc}, ended=f"2026-01-01T00:00:0{number}+00:00"))
        runs.append(HALVING.next_run(runs[-1]))
    return runs[:-1]


def test_free_worker_gets_the_best_of_a_rung_and_its_checkpoint(tmp_path: Path) -> None:
    runs = [run for number, acc in enumerate((0.4, 0.6, 0.5)) for run in rungs_of_trial(number, acc)]
    study = study_of(tmp_path, *runs, halving=HALVING, n_trials=3)
    (tmp_path / "1/1/model.pt").touch()
    assert study.ended == [0, 1, 2]
    assert study.wants_more
    job = study.next_job()
    assert job is not None
    assert (job.key, job.directory) == ((1, 1), tmp_path / "1/3")
    assert job.overrides[-2:] == ("epochs=3", f"ckpt={tmp_path}/1/1/model.pt")
    assert study.runs[job.key].overrides[-1] == "epochs=3"
    assert json.loads((tmp_path / "1/3" / SPEC).read_text())["budget"]["value"] == 3
    assert study.trials[1].status is Status.ASKED
    assert (study.ended, study.ended_before) == ([0, 2], 2)
    assert study.next_job() is None, "one of three"
    assert not study.wants_more
    trial = study.finish(job.key, Outcome({"acc": 0.7}))
    assert trial is not None
    assert (trial.status, trial.metrics, study.ended) == (Status.EARLY_STOPPED, {"acc": 0.7}, [0, 2, 1])


def test_study_that_has_a_reason_to_stop_promotes_nothing(tmp_path: Path) -> None:
    runs = [run for number in range(3) for run in rungs_of_trial(number, 0.5)]
    study = study_of(tmp_path, *runs, halving=HALVING, n_trials=3)
    study.stop_reason = StopReason(StopKind.TIMEOUT, "timeout_hours=1 are over")
    assert (study.next_job(), study.wants_more) == (None, False)


def test_rung_without_a_checkpoint_begins_anew(tmp_path: Path) -> None:
    runs = [run for number in range(3) for run in rungs_of_trial(number, 0.5)]
    study = study_of(tmp_path, *runs, halving=HALVING, n_trials=3)
    job = study.next_job()
    assert job is not None
    assert job.overrides == study.runs[job.key].overrides
