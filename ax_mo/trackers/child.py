"""A tracker's own process: reads what happens as lines of JSON from its input, and answers with lines of JSON.

A process of its own, since such a library may hang on its server, changes its process's environment (W&B's
``WANDB_SERVICE``, which trials would inherit) and prints what it likes.
"""

import errno
import json
import os
import re
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from ax_mo.core.pareto import hypervolume, pareto_front, reference_point
from ax_mo.core.trial import Status, Trial
from ax_mo.storage.snapshot import StudyRecord, record_of
from ax_mo.storage.store import read_studies
from ax_mo.trackers import State, Tracker, make_tracker
from ax_mo.trackers.env import StudyTag

# After an error, single trials wait: a server that does not answer must not hold the end up.
_PAUSE_SECONDS = 30.0

# Between two tries to log the end of a study.
_TRY_AGAIN_SECONDS = 1.0

# What a file says of itself does not change by waiting; all other errors of the system may be a server's that is away.
_LASTING = (errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS)
# MLflow's words for what may pass.
_PASSING = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")


def trial_as_json(trial: Trial) -> dict[str, Any]:
    """For ``trial_from_json``."""
    return {field.name: getattr(trial, field.name) for field in fields(Trial)}


def trial_from_json(content: dict[str, Any]) -> Trial:
    """What ``trial_as_json`` gave, after a way through JSON."""
    lists = {name: tuple(content[name]) for name in ("overrides", "samples")}
    return Trial(**{**content, **lists, "status": Status(content["status"])})


def main() -> None:
    os.nice(5)  # trials first
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the library prints goes to the log
    first = json.loads(sys.stdin.readline())
    _Child(first, answers).run()


class _Child:
    def __init__(self, first: dict[str, Any], answers: Any) -> None:
        self._first = first
        self._answers = answers
        self._tracker: Tracker | None = None
        self._failed_at = float("-inf")
        self._is_behind = True  # with what the study's database holds
        self._front: tuple[list[int], float | None] | None = None

    def run(self) -> None:
        self._log({"event": "started"})
        for line in sys.stdin:
            message = json.loads(line)
            if message["event"] == "finished":
                self._finish(message)
            elif time.monotonic() - self._failed_at > _PAUSE_SECONDS:
                self._log(message)

    def _log(self, message: dict[str, Any]) -> None:
        """Once; what fails is caught up with by the next message."""
        try:
            self._handle(message)
        except Exception as error:
            self._failed_at = time.monotonic()
            self._is_behind = True
            self._answer(error=_one_line(error))

    def _finish(self, message: dict[str, Any]) -> None:
        """Until it is logged, or the sweeper waits no longer: a server may be back in that time."""
        while True:
            try:
                self._handle(message)
            except Exception as error:
                self._is_behind = True
                if not _may_pass(error) or time.monotonic() + 2 * _TRY_AGAIN_SECONDS > message["deadline"]:
                    self._answer(lost=_one_line(error))
                    return
                self._answer(waiting=_one_line(error))
                time.sleep(_TRY_AGAIN_SECONDS)
            else:
                self._answer(finished=True)
                return

    def _handle(self, message: dict[str, Any]) -> None:
        if self._tracker is None:
            tag = StudyTag(self._first["label"], self._first["id"])
            self._tracker = make_tracker(self._first["tracker"], tag, Path(self._first["directory"]))
        if self._is_behind:
            record = self._record()
            self._answer(parent=self._tracker.started(record))
            self._log_front_of(self._tracker, record)
            self._is_behind = False
        event = message["event"]
        if event == "ended":
            self._tracker.ended(trial_from_json(message["trial"]))
        elif event == "front":
            self._log_front(self._tracker, message["numbers"], message["hypervolume"])
        elif event == "finished":
            record, report = self._record(), message["report"]
            for trial in record.trials:
                self._tracker.ended(trial)
            self._log_front_of(self._tracker, record)
            self._tracker.finished(record, None if report is None else Path(report), State(message["state"]))

    def _log_front_of(self, tracker: Tracker, record: StudyRecord) -> None:
        """The front as the database has it: what was told of it may have been lost."""
        front = pareto_front(record.trials, record.goals)
        volume = hypervolume(front, record.goals, reference_point(record.trials, record.goals))
        if front:
            self._log_front(tracker, [trial.number for trial in front], volume)

    def _log_front(self, tracker: Tracker, numbers: list[int], volume: float | None) -> None:
        """Unless that is what was logged last."""
        if (numbers, volume) != self._front:
            self._front = None  # until all of it is logged
            tracker.front(numbers, volume)
            self._front = numbers, volume

    def _record(self) -> StudyRecord:
        study = read_studies(self._first["url"], self._first["name"])[0]
        return record_of(study, Path(self._first["directory"]))

    def _answer(self, **values: Any) -> None:
        try:
            self._answers.write(json.dumps(values) + "\n")
        except OSError:  # the sweeper is gone
            pass


def _may_pass(error: Exception) -> bool:
    """Whether a server may only be away."""
    if isinstance(error, OSError):
        return error.errno not in _LASTING
    return getattr(error, "error_code", None) in _PASSING


def _one_line(error: Exception) -> str:
    """Without the name and password that an address in it may have."""
    lines = str(error).strip().splitlines() or [""]
    return re.sub(r"://[^/\s]*@", "://", f"{type(error).__name__}: {lines[0]}")[:300]
