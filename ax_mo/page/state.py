"""What a study is called, and how far it is, in words."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ax_mo.errors import AxMoError
from ax_mo.record import StudyRecord
from ax_mo.study.ending import gain_is_small, parse_stop_when
from ax_mo.study.trial import Status, Trial

_UNNAMED = "study"
"""The name in a sweep's own database of a study that was given none."""

# As in Hydra's own multirun/2026-11-24/18-22-10, of which the time alone says little.
_TIME = re.compile(r"\d{1,2}[-:.]\d{2}([-:.]\d{2})?")


def title_of(record: StudyRecord) -> str:
    """The study's own name, or that of its sweep directory."""
    # In a database of many studies, one without a name of its own is called after its directory, <job>:<directory>.
    if record.name != _UNNAMED and ":/" not in record.name:
        return record.name
    directory = record.directory.absolute()
    parts = directory.parts[1:]
    if not parts:
        return record.name
    return "/".join(parts[-2:]) if _TIME.fullmatch(directory.name) else directory.name


def titles_of(records: Sequence[StudyRecord]) -> list[str]:
    """Their titles, told apart where they are the same."""
    titles = [title_of(record) for record in records]
    if len(set(titles)) < len(titles) == len({record.directory.absolute() for record in records}):
        titles = [str(record.directory.absolute()) for record in records]
    return [
        title if titles.count(title) == 1 else f"{title} ({titles[: index + 1].count(title)})"
        for index, title in enumerate(titles)
    ]


@dataclass(frozen=True)
class State:
    """How far a study is; neither ``running`` nor ``ended`` when something is left and nobody does it."""

    running: bool
    ended: bool
    text: str


def state_of(record: StudyRecord) -> State:
    own = [trial for trial in record.trials if trial.number >= 0]
    done = sum(trial.status.ended for trial in own)
    given = record.settings.get("n_trials")
    total = given if isinstance(given, int) else None
    counts = _counts(record.trials)
    if record.is_running:
        return State(True, False, f"running: {counts}" + (f", of {total} trials" if total else ""))
    if done == len(own) and total is not None and done >= total:
        return State(False, True, f"ended: {counts}")
    why = _ended_by_itself(record, own) if done == len(own) else None
    of = f"{done} of {total} trials" if total else f"{done} trials"
    if why is not None:
        return State(False, True, f"ended after {of}, since {why}: {counts}")
    return State(False, False, f"not running, {of} ended: {counts}")


def _counts(trials: Sequence[Trial]) -> str:
    counts = Counter(trial.status for trial in trials)
    return ", ".join(f"{counts[s]} {s.value.replace('_', ' ')}" for s in Status if counts[s]) or "no trials yet"


def _ended_by_itself(record: StudyRecord, own: Sequence[Trial]) -> str | None:
    """Why there are fewer trials than were asked for, where the study's own rule says so."""
    try:
        stop_when = parse_stop_when(record.settings.get("stop_when"))
    except AxMoError:
        return None
    if stop_when is None:
        return None
    counting = [trial for trial in own if trial.status in (Status.COMPLETED, Status.EARLY_STOPPED)]
    counting.sort(key=lambda trial: trial.ended or "")
    imported = [trial for trial in record.trials if trial.status is Status.IMPORTED]
    # The rule may have been met before the last trials, which ran already, came to their ends.
    jobs = record.settings.get("n_jobs")
    for late in range(min(len(counting), jobs if isinstance(jobs, int) else 1)):
        why = gain_is_small([*imported, *counting[: len(counting) - late]], record.goals, stop_when)
        if why is not None:
            return why
    return None
