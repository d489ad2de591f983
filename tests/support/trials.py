"""Builders of trials, of their runs and of goals, all by keyword: a test names what it is about and nothing else."""

from collections.abc import Mapping
from typing import Any, TypeVar

from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.core.trial import Status, Trial, TrialRun

T = TypeVar("T", bound=Trial)


def make_trial(number: int = 0, **content: Any) -> Trial:
    """A completed trial without parameters and metrics, unless ``content`` says otherwise.

    Its overrides are those of its point, and its directory is its number, where they are not given.
    """
    return _made(Trial, number, content)


def make_run(number: int = 0, **content: Any) -> TrialRun:
    """A run of a trial: a running one with the handle ``job``, unless ``content`` says otherwise."""
    if "status" not in content:
        content = {"status": Status.RUNNING, "handle": "job", **content}
    return _made(TrialRun, number, content)


def make_goals(constraints: tuple[str, ...] = (), **objectives: Any) -> Goals:
    """As under ``objectives`` in a sweep's YAML, for example ``make_goals(acc="maximize")``; by default two losses."""
    return parse_goals(objectives or {"loss": "minimize", "size": "minimize"}, None, constraints)


def _made(kind: type[T], number: int, content: dict[str, Any]) -> T:
    point: Mapping[str, Any] = content.setdefault("point", {})
    content.setdefault("overrides", tuple(f"{key}={value}" for key, value in point.items()))
    content.setdefault("directory", str(number))
    content.setdefault("status", Status.COMPLETED)
    return kind(number=number, **content)
