"""Where the trials of a study stand, in words."""

from collections import Counter

from ax_mo.core.trial import Status, Trial
from ax_mo.storage.snapshot import StudySnapshot

UNFINISHED = "unfinished"
_WORDS = {Status.EARLY_STOPPED: "stopped early", Status.ASKED: "about to start"}


def status_text(status: Status) -> str:
    return _WORDS.get(status, status.value)


def standing(trial: Trial, is_running: bool) -> str:
    """Where a trial stands; ``is_running`` says whether anybody sweeps, without whom nobody knows what runs."""
    if trial.status in (Status.ASKED, Status.RUNNING) and not is_running:
        return UNFINISHED
    return status_text(trial.status)


def unfinished(record: StudySnapshot) -> list[Trial]:
    """The trials that a sweeper which is gone has left."""
    return [trial for trial in record.trials if standing(trial, record.is_running) == UNFINISHED]


def standings(record: StudySnapshot) -> str:
    """How many trials stand where, those that have ended first; empty without trials."""
    counts: Counter[str] = Counter()
    for trial in sorted(record.trials, key=lambda trial: (not trial.status.ended, list(Status).index(trial.status))):
        word = standing(trial, record.is_running)
        counts["pending" if trial.is_pending and word != UNFINISHED else word] += 1
    return ", ".join(f"{count} {word}" for word, count in counts.items())
