"""What those are told who look at a study."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.trial import Outcome, Status
from ax_mo.runner.runner import EndCause
from ax_mo.sweep.callbacks import ScreenCallback, StopGrace
from ax_mo.trial.files import LIGHTNING, STOP
from ax_mo.trial.metric_sources.differences import ReturnedDifference
from tests.support.trials import make_goals, make_run
from tests.sweep.running import Recording, running, study_of


def test_screen_is_told_of_failures_that_it_has_shown_before_and_of_no_others(tmp_path: Path) -> None:
    before = make_run(9, status=Status.FAILED, reason="KeyError: 9", error_fingerprint="KeyError: #")
    study = study_of(tmp_path, before, *(running(number=n) for n in range(4)))
    told: list[tuple[int, int | None]] = []
    screen: Any = Recording()
    screen.ended = lambda trial, _, alike: told.append((trial.number, alike and alike.number))
    callback = ScreenCallback(screen, {})
    for number, why in enumerate(("KeyError: 1", "OSError: 1", "KeyError: 2", "OSError: 2")):
        trial = study.finish((number, None), Outcome({}, why, why))
        assert trial is not None
        callback.ended(study, trial)
    assert told == [(0, None), (1, None), (2, 0), (3, 1)]


def test_number_that_replaces_nothing_is_told_once_a_study(tmp_path: Path) -> None:
    study = study_of(tmp_path, *(running(number=n) for n in range(3)))
    notices: list[str] = []
    screen: Any = Recording()
    screen.notice = notices.append
    callback = ScreenCallback(screen, {})
    loss, acc = ReturnedDifference("loss", 0.5, "lightning", 0.9), ReturnedDifference("acc", 0.25, "csv", 7.0)
    for key, found in zip(list(study.runs), [(loss,), (loss,), (loss, acc)], strict=True):
        study.finish(key, Outcome({"acc": 0.25}, differences=found))
        callback.tick(study)
    first, second = notices
    assert first.startswith("trial 0: the task returned 0.9 for 'loss', which is 0.5 (Lightning)")
    assert second.startswith("trial 2: the task returned 7 for 'acc', which is 0.25 (csv)") and "loss" not in second


def test_change_of_a_scale_is_told_once_and_so_is_its_fallback(tmp_path: Path) -> None:
    goals = make_goals(loss="minimize", error={"goal": "minimize", "scale": "log"}, num_params="minimize")
    study = study_of(tmp_path, *(running(number=n) for n in range(3)), goals=goals)
    notices: list[str] = []
    screen: Any = Recording()
    screen.notice = notices.append
    callback = ScreenCallback(screen, {})
    callback.tick(study)
    for number, loss, error in ((0, 0.01, 1.0), (1, 2.0, 0.5), (2, 3.0, 0.0)):
        study.finish((number, None), Outcome({"loss": loss, "error": error, "num_params": 2.0 - number}))
        callback.tick(study)
    wide, *zeros = notices
    assert wide.startswith("hydra.sweeper.objectives.loss: the values span two decades")
    for name, zero in zip(("error", "num_params"), zeros, strict=True):
        assert zero.startswith(
            f"hydra.sweeper.objectives.{name}: a log scale is for values above zero, and {name}=0 in trial 2."
        )


@pytest.mark.parametrize(
    ("record", "is_ended"),
    [(None, True), ({"fits": 0, "started": 1}, True), ({"fits": 1, "started": 1}, False)],
)
def test_job_that_does_not_stop_is_told_to_end_unless_its_fit_is_complete(
    tmp_path: Path, record: dict[str, int] | None, is_ended: bool
) -> None:
    study = study_of(tmp_path, running(reason="dominated at step 3 by trial 0"))
    callback = StopGrace(0.0)
    study.adopted((1, None))
    os.utime(tmp_path / "1" / STOP, (1.0, 1.0))
    if record is not None:
        (tmp_path / "1" / LIGHTNING).write_text(json.dumps(record))
    callback.tick(study)
    assert list(study.take_end_requests()) == [((1, None), EndCause.GOES_ON)] * is_ended
