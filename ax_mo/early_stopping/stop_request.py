"""A request to stop as the files of a run's directory tell it: whether it was made, noticed, and obeyed."""

import os
import time
from pathlib import Path

from ax_mo.core.trial import Outcome, TrialRun
from ax_mo.trial.files import CURVE, LIGHTNING, STOP, STOPPED, read_json, write_json
from ax_mo.trial.metric_sources.precedence import partial_metrics
from ax_mo.trial.untrusted import measured


def ask_to_stop(directory: Path, reason: str) -> None:
    """Leave the request, unless it is there. Raises OSError."""
    if not os.path.lexists(directory / STOP):
        write_json(directory / STOP, {"reason": reason})


def overdue(directory: Path, grace_seconds: float) -> bool:
    """Whether the run was asked to stop longer ago than it may take to do so.

    One that has noticed and reports no more, or whose last fit was complete before it could notice, has other things to
    do after its training, which may take their time.
    """
    asked, noticed, reported = (_modified(directory / name) for name in (STOP, STOPPED, CURVE))
    if asked is None or time.time() - asked <= grace_seconds:
        return False
    if noticed is None:
        return not _is_trained(directory)
    return (reported or 0.0) > noticed + grace_seconds


def _is_trained(directory: Path) -> bool:
    """Whether as many fits of Lightning's have been completed as were begun; other loops do not say that they ended."""
    record = read_json(directory / LIGHTNING) or {}
    fits, started = measured(record.get("fits")), measured(record.get("started"))
    return fits is not None and started is not None and fits == started > 0


def stopped_outcome(run: TrialRun, directory: Path) -> Outcome:
    """Of a run that was asked to stop, and was ended before it left a result: what it had reached."""
    return Outcome(partial_metrics(directory), run.reason, started=run.submitted, stopped=True)


def _modified(path: Path) -> float | None:
    try:
        return path.lstat().st_mtime
    except OSError:
        return None
