"""What running trials are at, from their files."""

from dataclasses import replace
from pathlib import Path

from ax_mo.core.trial import Status, TrialRun
from ax_mo.terminal.block import block
from ax_mo.terminal.progress import StudyProgress
from ax_mo.terminal.running import RunningTrials
from ax_mo.trial.curve import append
from ax_mo.trial.files import CURVE
from tests.support.cost import bytecodes
from tests.support.trials import make_run

RUN = make_run(
    3,
    point={"x": 0.25, "model": "cnn", "lr": None},
    overrides=("seed=1", "x=0.25", "model=cnn"),
    started="2026-11-02T10:15:00+00:00",
)


def test_running_trial_shows_what_is_unlike_the_start_and_its_last_metrics(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    view = RunningTrials(lambda run: tmp_path / run.directory, {"x": 0.5, "model": "cnn"}, every=0.0)
    ended = replace(RUN, number=1, status=Status.COMPLETED)
    (seen,) = view.look([ended, RUN])
    assert (seen.label, seen.changed, seen.metrics, seen.step) == ("3", ["x=0.25", "lr=null"], {}, None)
    append(tmp_path / "3" / CURVE, 1, 0.5, {"acc": 0.5})
    append(tmp_path / "3" / CURVE, 2, 0.9, {"loss": 0.25})
    (seen,) = view.look([RUN])
    assert (seen.metrics, seen.step) == ({"acc": 0.5, "loss": 0.25}, 2)
    (tmp_path / "3" / CURVE).unlink()
    (seen,) = view.look([replace(RUN, attempt=2)])
    assert seen.metrics == {}, "another attempt begins anew"
    assert view.look([]) == ()


def test_files_are_looked_at_once_a_second(tmp_path: Path) -> None:
    looked: list[TrialRun] = []

    def directory(run: TrialRun) -> Path:
        looked.append(run)
        return tmp_path

    view = RunningTrials(directory, {})
    for _ in range(100):
        view.look([RUN])
    assert len(looked) == 1


def test_a_look_costs_no_more_however_long_the_curve_is(tmp_path: Path) -> None:

    def look_after(points: int) -> int:
        directory = tmp_path / str(points)
        directory.mkdir()
        view = RunningTrials(lambda _run: directory, {}, every=0.0)
        for step in range(points):
            append(directory / CURVE, step, 0.0, {"acc": 0.5})
        view.look([RUN])
        append(directory / CURVE, points, 0.0, {"acc": 0.6})
        return bytecodes(lambda: view.look([RUN]))

    assert look_after(400) <= 1.2 * look_after(20)


def test_run_that_waits_for_its_turn_is_pending(tmp_path: Path) -> None:
    view = RunningTrials(lambda run: tmp_path / run.directory, {})
    (shown,) = view.look([replace(RUN, started=None)])
    assert shown.is_pending
    progress = StudyProgress(n_trials=4, completed=0, failed=0, running=2, pending=1, workers=2, trials=(shown,))
    drawn = block(progress, 1.0, None, 120, 40, None).plain
    assert "1/2 running  1 pending" in drawn and "trial 3  pending" in drawn
