"""Rungs of growing budgets: where they are, which trial is promoted, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.core.repeats import aggregate_repeats, as_last_known
from ax_mo.core.trial import Outcome, Status, Trial, TrialRun
from ax_mo.early_stopping.settings import parse_early_stopping, parse_successive_halving
from ax_mo.early_stopping.successive_halving import SuccessiveHalving, best_first
from ax_mo.errors import ConfigError
from tests.support.trials import make_goals, make_run, make_trial

GOALS = make_goals(acc="maximize", size="minimize")
HALVING = SuccessiveHalving("successive_halving", "epochs", max=9)


def trained(number: int, *at_rungs: tuple[float, float], then: Status | None = None, **content: Any) -> list[TrialRun]:
    """The runs of a trial that has come to accuracies and sizes at its rungs; ``then``: its last run is another."""
    first = make_run(number, status=Status.ASKED, overrides=(f"x={number}",), directory=f"trial{number}", **content)
    runs = [HALVING.first_run(first)]
    for acc, size in at_rungs:
        runs[-1] = runs[-1].ended_by(Outcome({"acc": acc, "size": size}))
        if len(runs) < len(HALVING.budgets):
            runs.append(HALVING.next_run(runs[-1]))
    if len(runs) > len(at_rungs):
        runs[-1:] = [] if then is None else [replace(runs[-1], status=then)]
    return runs


def trial(number: int, *at_rungs: tuple[float, float], then: Status | None = None) -> Trial:
    return aggregate_repeats(trained(number, *at_rungs, then=then))


def promoted(*trials: Trial, goals: Goals = GOALS) -> int | None:
    found = HALVING.promotable(trials, goals)
    return None if found is None else found.number


# Rungs


@pytest.mark.parametrize(
    ("given", "budgets"),
    [
        ({"max": 27}, (1, 3, 9, 27)),
        ({"max": 20}, (1, 3, 9, 20)),
        ({"max": 100, "min": 5, "factor": 4}, (5, 20, 80, 100)),
        ({"max": 2}, (1, 2)),
    ],
)
def test_rungs_grow_by_the_factor_up_to_the_largest_budget(given: dict[str, int], budgets: tuple[int, ...]) -> None:
    assert SuccessiveHalving("successive_halving", "epochs", **given).budgets == budgets


def test_trial_runs_once_at_each_rung_in_a_directory_of_its_own() -> None:
    runs = trained(4, (0.1, 5), (0.2, 5), (0.3, 5))
    assert [run.directory for run in runs] == ["trial4/1", "trial4/3", "trial4/9"]
    assert [run.overrides for run in runs] == [("x=4", "epochs=1"), ("x=4", "epochs=3"), ("x=4", "epochs=9")]
    assert [run.status for run in runs] == [Status.EARLY_STOPPED, Status.EARLY_STOPPED, Status.COMPLETED]
    assert [run.label for run in runs] == ["4 (1 of 9)", "4 (3 of 9)", "4 (9 of 9)"]
    assert runs[1].reason == "paused at epochs=3 of 9"


def test_trial_is_what_its_last_rung_is() -> None:
    paused, complete = trial(0, (0.1, 5)), trial(0, (0.1, 5), (0.2, 5), (0.3, 5))
    assert (paused.status, paused.metrics, paused.is_paused) == (Status.EARLY_STOPPED, {"acc": 0.1, "size": 5}, True)
    assert (complete.status, complete.metrics["acc"], complete.directory) == (Status.COMPLETED, 0.3, "trial0/9")
    assert [rung.metrics["acc"] for rung in complete.rungs] == [0.1, 0.2, 0.3]
    running = trial(0, (0.1, 5), then=Status.RUNNING)
    assert (running.status, dict(running.metrics)) == (Status.RUNNING, {})
    assert as_last_known(running).metrics == {"acc": 0.1, "size": 5}
    assert trial(0, (0.1, 5), then=Status.FAILED).status is Status.FAILED


# Promotion


def test_one_in_so_many_of_a_rung_is_promoted() -> None:
    others = [trial(1, (0.5, 5)), trial(2, (0.6, 5))]
    assert promoted(*others) is None, "of two trials, none is the best third"
    assert promoted(*others, trial(3, (0.4, 5))) == 2
    assert promoted(trial(1, (0.5, 5)), trial(2, (0.6, 5), (0.7, 5)), trial(3, (0.4, 5))) is None
    assert promoted(trial(1, (0.5, 5)), trial(2, (0.6, 5), then=Status.RUNNING), trial(3, (0.4, 5))) is None
    assert promoted(trial(1, (0.5, 5)), trial(2, (0.6, 5), then=Status.FAILED), trial(3, (0.4, 5))) is None


def test_trial_that_was_asked_to_stop_is_not_promoted() -> None:
    (first,) = trained(2, (0.6, 5))[:1]
    asked = HALVING.next_run(first).ended_by(Outcome({"acc": 0.9, "size": 5}, "asked by a user", stopped=True))
    stopped = aggregate_repeats([first, asked])
    assert (stopped.status, stopped.reason) == (Status.EARLY_STOPPED, "asked by a user")
    assert [rung.budget.value for rung in stopped.rungs] == [1], "it has not come to the second"
    assert promoted(trial(1, (0.5, 5)), stopped, trial(3, (0.4, 5))) is None


def test_highest_rung_with_room_comes_first() -> None:
    above = [trial(number, (0.5, 5), (0.5 + number / 10, 5)) for number in range(3)]
    below = [trial(number, (0.9, 5)) for number in range(3, 9)]
    assert promoted(*above, *below) == 2
    assert promoted(*above[:2], *below) == 3


def test_trials_that_are_complete_stay_so() -> None:
    assert promoted(*(trial(number, (0.5, 5), (0.6, 5), (0.7, 5)) for number in range(6))) is None


def test_best_are_undominated_and_spread_over_the_front() -> None:
    values = {0: (0.9, 90), 1: (0.89, 89), 2: (0.1, 5), 3: (0.5, 45), 4: (0.8, 95), 5: (0.05, 6)}
    trials = [make_trial(number, metrics={"acc": acc, "size": size}) for number, (acc, size) in values.items()]
    assert [found.number for found in best_first(trials, GOALS)] == [0, 2, 3, 1, 4, 5]


def test_best_of_one_objective_are_in_its_order() -> None:
    trials = [make_trial(number, metrics={"acc": acc}) for number, acc in enumerate((0.2, 0.9, 0.5, 0.9))]
    assert [found.number for found in best_first(trials, make_goals(acc="maximize"))] == [1, 3, 2, 0]


def test_trials_that_can_never_count_come_last() -> None:
    goals = parse_goals({"acc": "maximize", "size": {"goal": "minimize", "threshold": 10}}, None, ["cost <= 1"])
    values = {0: (0.9, 20, 0), 1: (0.2, 5, 0), 2: (0.8, 5, 2), 3: (0.1, 5, 0)}
    trials = [make_trial(n, metrics={"acc": a, "size": s, "cost": c}) for n, (a, s, c) in values.items()]
    assert [found.number for found in best_first(trials, goals, goals.objectives)] == [1, 3, 0, 2]
    # Whether an objective can still come past its threshold is what the trials have shown.
    goals = parse_goals({"acc": "maximize", "size": {"goal": "minimize", "threshold": 10}}, None, ())
    tried = trial(4, (0.7, 5), (0.9, 5))
    assert promoted(trial(0, (0.9, 20)), trial(1, (0.2, 5)), trial(2, (0.1, 5)), goals=goals) == 0
    assert promoted(tried, *(trial(n, (0.9, 20)) for n in range(4)), trial(5, (0.2, 5)), goals=goals) == 5


# What is refused


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max": 9}, "budget_key is missing: the key that says how long a trial trains. For example"),
        ({"budget_key": "epochs"}, "max is missing: its largest value. For example"),
        ({"budget_key": "epochs", "max": 9, "factor": 1}, "factor must be at least 2, not 1."),
        ({"budget_key": "epochs", "max": 9, "min": 0}, "min must be at least 1, not 0."),
        ({"budget_key": "epochs", "max": 3, "min": 3}, "max must be more than min, which is 3, not 3."),
        ({"budget_key": "epochs", "max": 2.5}, "max must be a whole number, not 2.5"),
        ({"budget_key": "epochs", "max": 9, "checkpoint": "*.pt"}, "checkpoint does nothing without resume_key"),
        (
            {"budget_key": "epochs", "max": 9, "resume_key": "ckpt", "checkpoint": "/data/*.pt"},
            "checkpoint is a glob in the directory of a run, such as '**/model.pt', and is '/data/*.pt'.",
        ),
    ],
)
def test_rungs_that_cannot_be_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_successive_halving({"rule": "successive_halving", **given})
    assert str(caught.value).startswith(f"hydra.sweeper.early_stopping.{message}")


def test_settings_of_other_rules_are_refused() -> None:
    given = {"rule": "successive_halving", "budget_key": "epochs", "max": 9, "patience": 2}
    with pytest.raises(ConfigError, match="with rule: successive_halving has no setting 'patience'"):
        parse_successive_halving(given)


def test_repeated_trials_have_no_rungs() -> None:
    given = {"rule": "successive_halving", "budget_key": "epochs", "max": 9}
    with pytest.raises(ConfigError, match=r"trains each trial once\. Set hydra\.sweeper\.repeats=1"):
        parse_successive_halving(given, repeats=3)
    assert parse_successive_halving(given) == SuccessiveHalving("successive_halving", "epochs", 9)
    assert parse_early_stopping(given, GOALS) is None
    assert parse_successive_halving({"rule": "dominated"}) is None
