"""What a study is called, what it was asked for and how far it is, in words."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ax_mo.core.failures import in_order_of_end
from ax_mo.core.request import pause_of
from ax_mo.html_report.text import display_value, distinct_labels
from ax_mo.results.standing import budgets_text, standings
from ax_mo.storage.snapshot import StudySnapshot, StudyState

_UNNAMED = "study"
"""The name in a sweep's own database of a study that was given none."""

# As in Hydra's own multirun/2026-11-24/18-22-10, of which the time alone says little.
_TIME = re.compile(r"\d{1,2}[-:.]\d{2}([-:.]\d{2})?")

_SETTINGS = ("method", "n_trials", "n_jobs", "repeats", "early_stopping", "stop_when", "timeout_hours", "metrics")


def title_of(record: StudySnapshot) -> str:
    """The study's own name, or that of its sweep directory."""
    # In a database of many studies, one without a name of its own is called after its directory, <job>:<directory>.
    if record.name != _UNNAMED and ":/" not in record.name:
        return record.name
    directory = record.directory.absolute()
    return "/".join(directory.parts[1:][-2:]) if _TIME.fullmatch(directory.name) else directory.name or record.name


def titles_of(records: Sequence[StudySnapshot]) -> list[str]:
    """Their titles, told apart where they are the same."""
    titles = [title_of(record) for record in records]
    if len(set(titles)) < len(titles) == len({record.directory.absolute() for record in records}):
        titles = [str(record.directory.absolute()) for record in records]
    return distinct_labels(titles, sys.maxsize)


def settings_of(record: StudySnapshot) -> list[tuple[str, str]]:
    """The study's objectives and settings, each with what it is called."""
    lines = [(o.name, o.described) for o in record.goals.objectives]
    if record.goals.constraints:
        lines.append(("constraints", ", ".join(constraint.text for constraint in record.goals.constraints)))
    for name in _SETTINGS:
        value = record.settings.get(name)
        if value not in (None, {}, [], "") and (name, value) != ("repeats", 1):
            lines.append((name, _setting_text(value)))
    if reached := budgets_text(record.trials):
        lines.append(("trials came to", reached))
    lines.append(("seed", str(record.seed)))
    if record.space.fixed:
        lines.append(("in every trial", " ".join(record.space.fixed)))
    return lines


def _setting_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {display_value(inner)}" for name, inner in value.items())
    return display_value(value)


@dataclass(frozen=True)
class StateText:
    """How far a study is; neither ``running`` nor ``ended`` when something is left and nobody does it."""

    running: bool
    ended: bool
    text: str


def state_of(record: StudySnapshot) -> StateText:
    """How far the study is: ``running: 9 completed, 1 failed, of 20 trials``."""
    state, total = record.state, record.n_trials
    done = len(in_order_of_end(record.trials)) - len(record.uncounted)
    counts = standings(record) or "no trials yet"
    of = f"{done} of {total} trials" if total else f"{done} trials"
    if state is StudyState.RUNNING:
        paused = "" if pause_of(record.requests) is None else ", paused"
        text = f"{state}{paused}: {counts}" + (f", of {total} trials" if total else "")
    elif state is StudyState.ENDED:
        early = f" after {of} ({record.stop_reason})" if record.stop_reason else ""
        text = f"{state}{early}: {counts}"
    else:
        text = f"{state}, {of} ended: {counts}"
    return StateText(state is StudyState.RUNNING, state is StudyState.ENDED, text)
