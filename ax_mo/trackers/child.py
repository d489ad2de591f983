"""A tracker's own process: told by lines of JSON that the study has changed, it logs what the study's database holds.

A process of its own, since such a library may hang on its server, changes its process's environment (W&B's
``WANDB_SERVICE``, which trials would inherit) and prints what it likes. It answers with lines of JSON.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from ax_mo.core.failures import in_order_of_end
from ax_mo.core.pareto import hypervolume, pareto_front, reference_point
from ax_mo.storage.snapshot import StudySnapshot, snapshot_of
from ax_mo.storage.store import read_studies
from ax_mo.trackers import TRACKERS, StudyEnd, Tracker
from ax_mo.trackers.env import StudyTag

# After an error, single trials wait: a server that does not answer must not hold the end up.
_PAUSE_SECONDS = 30.0

# Between two tries to log the end of a study.
_TRY_AGAIN_SECONDS = 1.0

# MLflow's words for what may pass.
_PASSING = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")


def run_tracker() -> None:
    """The first line says of which study; each further one that it has changed, and the last how it has ended."""
    os.nice(5)  # trials first
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the library prints goes to the log
    messages = _messages()
    child = _Child(next(messages), answers)
    child.catch_up()
    for message in messages:
        if message:
            child.finish(message)
        else:
            child.catch_up()


def _messages() -> Iterator[dict[str, Any]]:
    """What stdin brings; of several changes that wait to be read, one."""
    rest = b""
    while piece := os.read(0, 65536):
        *lines, rest = (rest + piece).split(b"\n")
        read = [json.loads(line) for line in lines]
        yield from [message for message in read if message] or read[:1]


class _Child:
    def __init__(self, study: dict[str, Any], answers: IO[str]) -> None:
        self._study = study
        self._directory = Path(study["directory"])
        self._answers = answers
        self._tracker: Tracker | None = None
        self._failed_at = float("-inf")
        self._is_behind = True
        """Whether the tracker may lack something that was logged, or begun to be, before."""
        self._logged: set[int] = set()
        self._front: list[int] | None = None

    def catch_up(self) -> None:
        """Log what is new, in one try; what fails is logged later."""
        if time.monotonic() - self._failed_at <= _PAUSE_SECONDS:
            return
        try:
            self._log(at_end=False)
        except Exception as error:
            self._failed_at = time.monotonic()
            text = f"{_one_line(error)}; the study goes on, and what is missing is logged at its end"
            self._answer(notice="error", text=text)

    def finish(self, end: dict[str, Any]) -> None:
        """Log the end, and try again until the sweeper waits no longer: a server may be back in that time."""
        report = None if end["report"] is None else Path(end["report"])
        while True:
            try:
                tracker, record = self._log(at_end=True)
                tracker.finished(record, report, StudyEnd(end["state"]))
            except Exception as error:
                self._is_behind = True
                if not _may_pass(error) or time.monotonic() + 2 * _TRY_AGAIN_SECONDS > end["deadline"]:
                    self._answer(notice="end", text=f"{_one_line(error)}; a resume logs what is missing")
                    return
                text = f"{_one_line(error)}; waiting for it a little. Ctrl-C does not wait"
                self._answer(notice="waiting", text=text)
                time.sleep(_TRY_AGAIN_SECONDS)
            else:
                self._answer(notice="end", text=None)
                return

    def _log(self, at_end: bool) -> tuple[Tracker, StudySnapshot]:
        """Log what has ended, one after the other, and how the front changes by it. Raises what the tracker raises.

        A trial that may train on at another rung is logged ``at_end`` of the study.
        """
        if self._tracker is None:
            make = TRACKERS.load(self._study["tracker"], "hydra.sweeper.trackers")
            self._tracker = make(StudyTag(self._study["label"], self._study["id"]), self._directory)
        tracker: Tracker = self._tracker
        record = snapshot_of(read_studies(self._study["url"], self._study["name"])[0], self._directory)
        catches_up, self._is_behind = self._is_behind, True
        if catches_up:
            self._logged, self._front = set(), None
            self._answer(parent=tracker.started(record))
        imported = [trial for trial in record.trials if trial.is_imported]
        ended = [trial for trial in in_order_of_end(record.trials) if at_end or not trial.is_paused]
        for count, trial in enumerate(ended, start=1):
            if trial.number not in self._logged:
                tracker.ended(trial)
                self._logged.add(trial.number)
                if not catches_up or count == len(ended):
                    self._log_front(tracker, replace(record, trials=(*imported, *ended[:count])))
        if progressed := getattr(tracker, "progressed", None):
            progressed(record)
        self._is_behind = False
        return tracker, record

    def _log_front(self, tracker: Tracker, record: StudySnapshot) -> None:
        """Unless that is what was logged last."""
        front = pareto_front(record.trials, record.goals)
        numbers = sorted(trial.number for trial in front)
        if numbers and numbers != self._front:
            tracker.front(numbers, hypervolume(front, record.goals, reference_point(record.trials, record.goals)))
            self._front = numbers

    def _answer(self, **values: Any) -> None:
        with suppress(OSError):  # the sweeper is gone
            self._answers.write(json.dumps(values) + "\n")


def _may_pass(error: Exception) -> bool:
    """Whether a server may only be away."""
    return isinstance(error, ConnectionError | TimeoutError) or getattr(error, "error_code", None) in _PASSING


def _one_line(error: Exception) -> str:
    """Without the name and password that an address in it may have."""
    lines = str(error).strip().splitlines() or [""]
    return re.sub(r"://[^/\s]*@", "://", f"{type(error).__name__}: {lines[0]}")[:300]
