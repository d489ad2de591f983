"""What a study is called, and how far it is, in words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ax_mo.results.standing import standings
from ax_mo.storage.snapshot import StudySnapshot, StudyState

_UNNAMED = "study"
"""The name in a sweep's own database of a study that was given none."""

# As in Hydra's own multirun/2026-11-24/18-22-10, of which the time alone says little.
_TIME = re.compile(r"\d{1,2}[-:.]\d{2}([-:.]\d{2})?")


def title_of(record: StudySnapshot) -> str:
    """The study's own name, or that of its sweep directory."""
    # In a database of many studies, one without a name of its own is called after its directory, <job>:<directory>.
    if record.name != _UNNAMED and ":/" not in record.name:
        return record.name
    directory = record.directory.absolute()
    parts = directory.parts[1:]
    if not parts:
        return record.name
    return "/".join(parts[-2:]) if _TIME.fullmatch(directory.name) else directory.name


def titles_of(records: Sequence[StudySnapshot]) -> list[str]:
    """Their titles, told apart where they are the same."""
    titles = [title_of(record) for record in records]
    if len(set(titles)) < len(titles) == len({record.directory.absolute() for record in records}):
        titles = [str(record.directory.absolute()) for record in records]
    return [
        title if titles.count(title) == 1 else f"{title} ({titles[: index + 1].count(title)})"
        for index, title in enumerate(titles)
    ]


@dataclass(frozen=True)
class StateText:
    """How far a study is; neither ``running`` nor ``ended`` when something is left and nobody does it."""

    running: bool
    ended: bool
    text: str


def state_of(record: StudySnapshot) -> StateText:
    state, total = record.state, record.n_trials
    own = [trial for trial in record.trials if not trial.is_imported]
    done = sum(trial.status.ended for trial in own) - len(record.uncounted)
    counts = standings(record) or "no trials yet"
    if state is StudyState.RUNNING:
        return StateText(True, False, f"{state}: {counts}" + (f", of {total} trials" if total else ""))
    of = f"{done} of {total} trials" if total else f"{done} trials"
    if state is StudyState.ENDED:
        early = f" after {of} ({record.stop_reason})" if record.stop_reason else ""
        return StateText(False, True, f"{state}{early}: {counts}")
    return StateText(False, False, f"{state}, {of} ended: {counts}")
