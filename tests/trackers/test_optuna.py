"""The study in an Optuna storage, as Optuna itself loads it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.budget import Budget
from ax_mo.core.objectives import parse_goals
from ax_mo.core.pareto import pareto_front
from ax_mo.core.trial import Status, Trial
from ax_mo.search_space.parameters import Choice, Condition, Option, Range
from ax_mo.search_space.space import SearchSpace
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trackers import StudyEnd
from ax_mo.trackers.env import StudyTag
from tests.support import studies
from tests.support.trials import make_run

from .conftest import TAG, record, trial

optuna = pytest.importorskip("optuna")

from ax_mo.trackers.optuna import OptunaTracker, write_optuna  # noqa: E402

S = optuna.trial.TrialState


def load(path: Path, name: str | None = None) -> Any:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{path}")


def written(snapshot: StudySnapshot) -> Any:
    path = snapshot.directory / "of_optuna.db"
    path.unlink(missing_ok=True)
    write_optuna(snapshot, path)
    return load(path)


def test_best_trials_are_the_front(tmp_path: Path) -> None:
    for objectives in (1, 2):
        snapshot = studies.study(tmp_path, 10, objectives)
        study, goals = written(snapshot), snapshot.goals
        assert [d.name.lower() for d in study.directions] == [o.goal for o in goals.objectives]
        assert study.metric_names == list(goals.names)
        own = [t for t in snapshot.trials if not t.is_imported]
        front = [t.number for t in pareto_front(own, goals)]
        best = study.best_trials if objectives > 1 else [study.best_trial]
        assert [t.user_attrs["trial"] for t in best] == front == study.user_attrs["pareto"]
        for one in best:
            (ours,) = [t for t in own if t.number == one.user_attrs["trial"]]
            assert one.values == [ours.metrics[name] for name in goals.names]
            assert one.user_attrs["directory"] == str(tmp_path / ours.directory)
            assert one.user_attrs["metrics.seconds"] == ours.metrics["seconds"]


def test_parameters_are_those_that_were_active_in_one_distribution_each(tmp_path: Path) -> None:
    space = SearchSpace((
        Choice("net", (Option("a", "a"), Option("b", "b"))),
        Range("lr", 1e-4, 1e-1, log=True, when=(Condition("net", ("a",)),)),
        Range("lr", 0.0, 1.0, when=(Condition("net", ("b",)),)),
        Range("depth", 1, 4, integral=True, when=(Condition("net", ("b",)),)),
        Choice("size", (Option(8, "8"), Option(16, "16")), when=(Condition("net", ("a",)),)),
        Choice("size", (Option(32, "32"),), when=(Condition("net", ("b",)),)),
        Choice("odd", (Option(True, "true"), Option(1, "1"), Option([1, 2], "[1,2]"), Option(None, "null"))),
    ))  # fmt: skip
    points = [
        {"net": "a", "lr": 0.01, "size": 16, "odd": 1},
        {"net": "b", "lr": 0.5, "depth": 3, "size": 32, "odd": [1, 2]},
    ]
    runs = [make_run(n, status=Status.COMPLETED, point=p, metrics={"loss": 1.0}) for n, p in enumerate(points)]
    study = written(studies.record(tmp_path, runs, parse_goals({"loss": "minimize"}), space))
    first, second = study.trials
    assert first.params == {"net": "a", "lr (float, log)": 0.01, "size": 16, "odd": "1"}
    assert second.params == {"net": "b", "lr (float)": 0.5, "depth": 3, "size": 32, "odd": "[1,2]"}
    assert first.distributions["size"].choices == (8, 16, 32) == second.distributions["size"].choices
    assert first.distributions["lr (float, log)"].log and not second.distributions["lr (float)"].log
    assert (second.distributions["depth"].low, second.distributions["depth"].high) == (1, 4)


def test_study_is_followed_and_goes_on_after_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)

    def states() -> list[Any]:
        return [t.state for t in load(tmp_path / "optuna.db", "nas").trials]

    def at(number: int, status: Status) -> Any:
        return trial(number, status, **({} if status.ended else {"ended": None, "reason": None}))

    tracker = OptunaTracker(TAG, tmp_path)
    tracker.started(record(tmp_path))
    assert states() == []
    tracker.progressed(record(tmp_path, at(0, Status.RUNNING), at(1, Status.ASKED)))
    assert states() == [S.RUNNING, S.WAITING]
    now = (at(0, Status.FAILED), at(1, Status.CANCELLED), at(2, Status.EARLY_STOPPED), at(3, Status.RUNNING))
    tracker.finished(record(tmp_path, *now), None, StudyEnd.INTERRUPTED)
    assert states() == [S.FAIL, S.WAITING, S.PRUNED, S.RUNNING]
    again = OptunaTracker(TAG, tmp_path)
    now = (now[0], at(1, Status.COMPLETED), now[2], at(3, Status.COMPLETED), at(4, Status.COMPLETED))
    again.started(record(tmp_path, *now))
    again.progressed(record(tmp_path, *now))
    again.finished(record(tmp_path, *now), None, StudyEnd.FINISHED)
    study = load(tmp_path / "optuna.db", "nas")
    assert states() == [S.FAIL, S.COMPLETE, S.PRUNED, S.COMPLETE, S.COMPLETE]
    assert [t.number for t in study.best_trials] == [1, 3, 4] == study.user_attrs["pareto"]
    assert study.user_attrs["state"] == "finished"
    assert study.trials[0].user_attrs["reason"] == "ValueError: diverged"
    assert study.trials[4].duration.total_seconds() == 60, "of one that was not seen before it had ended"


def test_another_study_of_the_same_name_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = f"sqlite:///{tmp_path}/team.db"
    monkeypatch.setenv("OPTUNA_STORAGE", storage)
    other = optuna.create_study(storage=storage, study_name="nas", directions=["minimize", "minimize"])
    other.add_trial(optuna.trial.create_trial(values=[1.0, 2.0]))
    for tag in (TAG, StudyTag("nas", "f" * 12), TAG):
        OptunaTracker(tag, tmp_path).started(record(tmp_path, trial(0)))
    names = optuna.get_all_study_names(storage)
    assert names == ["nas", f"nas {TAG.id}", f"nas {'f' * 12}"]
    assert [len(load(tmp_path / "team.db", name).trials) for name in names] == [1, 1, 1]
    assert not (tmp_path / "optuna.db").exists()


def test_curve_of_one_objective_is_that_of_intermediate_values(tmp_path: Path) -> None:
    goals = parse_goals({"loss": "minimize"})
    run = replace(trial(0), metrics={"loss": 0.25}, directory="0")
    (tmp_path / "0").mkdir()
    lines = [f'{{"step": {step}, "metrics": {{"loss": {1 - step / 4}, "acc": 0.5}}}}' for step in range(4)]
    (tmp_path / "0" / "curve.jsonl").write_text("\n".join(lines) + "\n")
    snapshot = replace(record(tmp_path, run), goals=goals)
    assert [p.step for p in snapshot.curve_of(run)] == [0, 1, 2, 3], "as curves are written"
    assert written(snapshot).trials[0].intermediate_values == {0: 1.0, 1: 0.75, 2: 0.5, 3: 0.25}


def test_imported_trials_are_left_out(tmp_path: Path) -> None:
    earlier: Trial = replace(trial(1), number=-1, status=Status.IMPORTED)
    assert [t.number for t in written(record(tmp_path, earlier, trial(0))).trials] == [0]


def test_trial_that_may_be_promoted_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)
    paused = trial(0, Status.EARLY_STOPPED, budget=Budget("epochs", 1, 9))
    tracker = OptunaTracker(TAG, tmp_path)
    for now, expected in ((paused, S.WAITING), (trial(0, Status.RUNNING), S.RUNNING), (trial(0), S.COMPLETE)):
        tracker.started(record(tmp_path, now))
        assert [t.state for t in load(tmp_path / "optuna.db", "nas").trials] == [expected]
    assert [t.state for t in written(record(tmp_path, paused)).trials] == [S.PRUNED]
