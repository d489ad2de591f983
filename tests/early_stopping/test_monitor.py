"""Following the curves of trials in their directories, and what is decided from them."""

from dataclasses import replace
from pathlib import Path

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.repeats import aggregate_trials
from ax_mo.core.trial import Key, Status, TrialRun
from ax_mo.early_stopping import monitor
from ax_mo.early_stopping.monitor import CurveMonitor
from ax_mo.early_stopping.settings import parse_early_stopping
from ax_mo.trial.curve import append
from ax_mo.trial.files import CURVE, LIGHTNING, SPEC, write_json
from tests.support.cost import bytecodes

GOALS = parse_goals({"acc": "maximize", "num_params": "minimize"})


class Study:
    """Runs with files below a directory."""

    def __init__(self, directory: Path, **settings: object) -> None:
        self.directory = directory
        self.settings = {"rule": "dominated", "k": 1, "patience": 0, "min_trials": 1, **settings}
        self.runs: dict[tuple[int, int | None], TrialRun] = {}
        self.monitor = self.new_monitor()

    def new_monitor(self, every: float = 0.0) -> CurveMonitor:
        parsed = parse_early_stopping(self.settings, GOALS)
        assert parsed is not None
        return CurveMonitor(parsed, self.place, every)

    def place(self, run: TrialRun) -> Path:
        return self.directory / run.directory

    def run(self, number: int, *accs: float, size: int = 10, repeat: int | None = None) -> TrialRun:
        name = str(number) if repeat is None else f"{number}/{repeat}"
        overrides = ("x=1",) if repeat is None else ("x=1", f"seed={repeat}")
        run = TrialRun(
            number=number, status=Status.RUNNING, point={}, overrides=overrides, directory=name, repeat=repeat
        )
        self.runs[run.key] = run
        self.place(run).mkdir(parents=True, exist_ok=True)
        write_json(self.place(run) / LIGHTNING, {"costs": {"num_params": size, "fit_seconds": 3}, "metrics": {}})
        self.report(run, *accs)
        return run

    def report(self, run: TrialRun, *accs: float, first: int = 0) -> None:
        for step, acc in enumerate(accs, first):
            append(self.place(run) / CURVE, step, 0.0, {"acc": acc})

    def end(self, run: TrialRun, status: Status = Status.COMPLETED, **metrics: float) -> None:
        self.runs[run.key] = replace(run, status=status, metrics=metrics)

    def stops(self, active: set[Key] | None = None) -> dict[int, str]:
        """The trials to stop, and why; all runs have a job, or the ``active`` ones."""
        trials = {trial.number: trial for trial in aggregate_trials(self.runs.values())}
        active = set(self.runs) if active is None else active
        decisions = self.monitor.decisions(trials, self.runs.values(), active)
        return {decision.trial: str(decision) for decision in decisions}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_trial_is_stopped_by_its_curve_and_the_costs_known_while_it_runs(study: Study) -> None:
    study.end(study.run(0, 0.5, 0.9, size=10), acc=0.9, num_params=10)
    study.run(1, 0.45, size=20)
    study.run(2, 0.4, size=5)
    assert study.stops() == {1: "dominated at step 0 by trial 0"}


def test_metric_of_the_configuration_is_known_while_the_trial_runs(study: Study) -> None:
    study.end(study.run(0, 0.5, 0.9, size=10), acc=0.9, num_params=10)
    for number, acc, size in ((1, 0.45, 20), (2, 0.4, 5)):
        run = study.run(number, acc)
        (study.place(run) / LIGHTNING).unlink()
        write_json(study.place(run) / SPEC, {"config": {"num_params": size}})
    assert study.stops() == {1: "dominated at step 0 by trial 0"}


def test_decision_comes_with_a_new_point_only(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = monitor.decide

    def counted(*arguments):
        calls.append(1)
        return real(*arguments)

    monkeypatch.setattr(monitor, "decide", counted)
    study.end(study.run(0, 0.5, 0.6, 0.7), acc=0.7, num_params=10)
    running = study.run(1, 0.6)
    study.stops()
    study.stops()
    assert len(calls) == 1
    study.report(running, 0.55, first=1)
    assert study.stops() == {}
    study.report(running, 0.5, first=2)
    assert list(study.stops()) == [1]
    assert len(calls) == 3


def test_trial_that_was_asked_is_not_asked_again_and_counts_among_the_others(study: Study) -> None:
    study.end(study.run(0, 0.1, 0.1, size=99), acc=0.1, num_params=99)
    asked = study.run(1, 0.5, size=10)
    study.runs[asked.key] = replace(asked, reason="dominated at step 0")
    study.run(2, 0.4, size=20)
    assert study.stops() == {2: "dominated at step 0 by trial 1"}


def test_failed_and_imported_trials_stop_nobody(study: Study) -> None:
    study.end(study.run(0, 0.1, size=99), acc=0.1, num_params=99)
    study.end(study.run(1, 0.9, size=1), Status.FAILED)
    imported = study.run(-1, 0.9, size=1)
    study.end(imported, Status.IMPORTED, acc=0.9, num_params=1)
    study.run(2, 0.5, size=20)
    assert study.stops() == {}


def test_new_monitor_decides_as_the_one_before_a_resume(study: Study) -> None:
    study.end(study.run(0, 0.5, 0.9, size=10), acc=0.9, num_params=10)
    study.end(study.run(1, 0.4, size=20), Status.EARLY_STOPPED, acc=0.4, num_params=20)
    assert study.stops() == {}
    study.run(2, 0.3, size=30)
    before = study.stops()
    study.monitor = study.new_monitor()
    assert study.stops() == before == {2: "dominated at step 0 by trials 0 and 1"}


def begin_again(study: Study, run: TrialRun) -> TrialRun:
    """The next attempt of a run, before it has reported anything."""
    (study.place(run) / CURVE).unlink()
    study.runs[run.key] = replace(run, attempt=run.attempt + 1)
    return study.runs[run.key]


def test_new_attempt_begins_its_curve_anew(study: Study) -> None:
    study.end(study.run(0, 0.5, 0.6, size=10), acc=0.6, num_params=10)
    first = study.run(1, 0.6, 0.7, size=20)
    assert study.stops() == {}
    study.report(begin_again(study, first), 0.4)
    assert list(study.stops()) == [1]


@pytest.mark.parametrize("between", [[], [Status.ASKED]], ids=["at once", "after it has waited"])
def test_new_attempt_is_not_judged_by_the_curve_of_the_one_before(study: Study, between: list[Status]) -> None:
    study.end(study.run(0, *[0.5] * 10, size=10), acc=0.5, num_params=10)
    first, other = study.run(1, *[0.6] * 10, size=20), study.run(2, 0.9, size=30)
    assert study.stops() == {}
    again = begin_again(study, first)
    study.run(3, *[0.7] * 10, size=15)
    for status in between:
        study.runs[again.key] = replace(again, status=status)
        assert study.stops() == {}
    study.runs[again.key] = again
    study.report(other, 0.9, first=1)
    assert study.stops() == {}, "it has reported nothing"
    study.report(again, 0.4)
    assert study.stops() == {1: "dominated at step 0 by trials 0 and 3"}


def test_trial_that_waits_to_be_run_again_is_neither_judged_nor_held_against_others(study: Study) -> None:
    study.end(study.run(0, 0.1, size=99), acc=0.1, num_params=99)
    waits, other = study.run(1, 0.5, size=20), study.run(2, 0.6, size=10)
    beaten = study.run(3, 0.4, size=30)
    assert study.stops(active={other.key}) == {}
    assert study.stops(active={other.key, beaten.key}) == {3: "dominated at step 0 by trial 2"}
    assert study.stops(active={other.key, beaten.key, waits.key}) == {
        1: "dominated at step 0 by trial 2",
        3: "dominated at step 0 by trials 1 and 2",
    }


def test_repeat_that_waits_to_be_run_again_is_waited_for(study: Study) -> None:
    study.end(study.run(0, 0.5, size=10), acc=0.5, num_params=10)
    first, second = (study.run(1, 0.1, size=20, repeat=repeat) for repeat in (0, 1))
    assert study.stops(active={first.key}) == {}
    study.runs[second.key] = replace(second, status=Status.CANCELLED, reason="cancelled")
    assert study.stops() == {}
    study.runs[second.key] = second
    assert list(study.stops()) == [1]


def test_failed_repeat_does_not_spare_its_trial(study: Study) -> None:
    study.end(study.run(0, 0.5, 0.5, size=10), acc=0.5, num_params=10)
    study.run(1, 0.4, size=20, repeat=0)
    failed = study.run(1, 0.9, size=20, repeat=1)
    study.runs[failed.key] = replace(failed, status=Status.FAILED, reason="RuntimeError: CUDA out of memory")
    study.run(1, 0.3, size=20, repeat=2)
    assert study.stops() == {1: "dominated at step 0 by trial 0"}


def test_trial_with_a_repeat_that_was_stopped_is_not_asked_again(study: Study) -> None:
    study.end(study.run(0, 0.5, size=10), acc=0.5, num_params=10)
    stopped = study.run(1, 0.4, size=20, repeat=0)
    study.run(1, 0.4, size=20, repeat=1)
    study.runs[stopped.key] = replace(stopped, status=Status.EARLY_STOPPED, reason="dominated at step 0")
    assert study.stops() == {}


def test_repeats_are_judged_by_their_mean_where_all_of_them_have_come(study: Study) -> None:
    study.end(study.run(0, 0.5, 0.5, size=10), acc=0.5, num_params=10)
    study.run(1, 0.7, 0.2, size=20, repeat=0)
    slow = study.run(1, 0.4, size=20, repeat=1)
    assert study.stops() == {}, "0.55 on average at the step that both have reached"
    study.report(slow, 0.1, first=1)
    assert study.stops() == {}, "the best so far is what counts"
    study.run(2, 0.4, size=20, repeat=0)
    study.run(2, 0.5, size=20, repeat=1)
    assert study.stops() == {2: "dominated at step 0 by trials 0 and 1"}


def test_files_are_looked_at_no_oftener_than_asked(study: Study) -> None:
    study.end(study.run(0, 0.5, size=10), acc=0.5, num_params=10)
    study.monitor = study.new_monitor(every=3600.0)
    study.run(1, 0.6, size=10)
    assert study.stops() == {}
    study.run(2, 0.1, size=20)
    assert study.stops() == {}


def test_study_without_curves_is_explained_once(study: Study) -> None:
    assert study.monitor.explanation() is None
    study.end(study.run(0), acc=0.5, num_params=10)
    study.stops()
    explanation = study.monitor.explanation()
    assert explanation is not None
    assert "no trial reports a learning curve" in explanation
    assert study.monitor.explanation() is None


@pytest.mark.parametrize("repeats", [(None,), (0, 1)], ids=["one run", "two repeats"])
def test_poll_costs_no_more_however_long_the_curves_are(tmp_path: Path, repeats: tuple[int | None, ...]) -> None:
    """Of a project that has no Lightning, and so never any costs to find."""

    def polls(points: int) -> list[int]:
        study = Study(tmp_path / str(points), patience=1)
        study.end(study.run(0, *[0.5] * points, size=10), acc=0.5, num_params=10)
        runs = [study.run(1, *[0.6] * points, repeat=repeat) for repeat in repeats]
        for run in runs:
            (study.place(run) / LIGHTNING).unlink()
            append(study.place(run) / CURVE, 0, 0.0, {"num_params": 20})
        study.stops()
        nothing_new = bytecodes(study.stops)
        for run in runs:
            study.report(run, 0.6, first=points)
        return [nothing_new, bytecodes(study.stops)]

    short, long = polls(20), polls(1000)
    assert [after <= 1.2 * before for before, after in zip(short, long, strict=True)] == [True, True], (short, long)
