"""A tracker's own process: reads what happens as lines of JSON from its input, and answers with lines of JSON.

A process of its own, since such a library may hang on its server, changes its process's environment (W&B's
``WANDB_SERVICE``, which trials would inherit) and prints what it likes.
"""

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ax_mo.record import StudyRecord, record_of
from ax_mo.study.store import read_studies
from ax_mo.study.trial import Status, Trial
from ax_mo.trackers import State, Tracker, make_tracker
from ax_mo.trackers.env import StudyTag

# After an error, single trials wait for the end: a server that does not answer must not hold the end up.
_PAUSE_SECONDS = 30.0


def trial_as_json(trial: Trial) -> dict[str, Any]:
    """For ``trial_from_json``."""
    return asdict(trial)


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

    def run(self) -> None:
        self._guarded({"event": "started"})
        for line in sys.stdin:
            message = json.loads(line)
            if message["event"] == "finished" or time.monotonic() - self._failed_at > _PAUSE_SECONDS:
                self._guarded(message)

    def _guarded(self, message: dict[str, Any]) -> None:
        try:
            self._handle(message)
        except Exception as error:
            self._failed_at = time.monotonic()
            self._answer(error=_one_line(error))

    def _handle(self, message: dict[str, Any]) -> None:
        if self._tracker is None:
            tag = StudyTag(self._first["label"], self._first["id"])
            self._tracker = make_tracker(self._first["tracker"], tag, Path(self._first["directory"]))
        event = message["event"]
        if event == "started":
            self._answer(parent=self._tracker.started(self._record()))
        elif event == "ended":
            self._tracker.ended(trial_from_json(message["trial"]))
        elif event == "front":
            self._tracker.front(message["numbers"], message["hypervolume"])
        elif event == "finished":
            report = message["report"]
            self._tracker.finished(self._record(), None if report is None else Path(report), State(message["state"]))
            self._answer(finished=True)

    def _record(self) -> StudyRecord:
        study = read_studies(self._first["url"], self._first["name"])[0]
        return record_of(study, Path(self._first["directory"]))

    def _answer(self, **values: Any) -> None:
        try:
            self._answers.write(json.dumps(values) + "\n")
        except OSError:  # the sweeper is gone
            pass


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300]
