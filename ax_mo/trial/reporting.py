"""``ax_mo.report`` and ``ax_mo.should_stop``, for training loops of any kind.

A trial never dies from reporting: what cannot be recorded is left out with a warning, once.
"""

import logging
from collections.abc import Mapping
from typing import Any

from ax_mo.trial import current
from ax_mo.trial.curve import append
from ax_mo.trial.files import CURVE
from ax_mo.trial.numbers import as_number

log = logging.getLogger("ax_mo")
warned: set[str] = set()
"""What was warned of, once a process."""


def report(step: int, metrics: Mapping[str, Any] | None = None, **named: Any) -> None:
    """Add a point to the trial's learning curve: ``report(epoch, val_acc=0.8)``, ``report(epoch, {"val/acc": 0.8})``.

    A metric's steps rise; one that does not is dropped and counted. The last value of each name is the trial's
    metric, whatever the task returns. Values are numbers, NumPy's and torch's included; NaN is left out and counted.
    Does nothing outside a trial and in any process but rank 0.
    """
    try:
        trial = current.directory()
        if trial is None or current.rank() != 0:
            return
        values = {str(name): value for name, value in {**(metrics or {}), **named}.items()}
        numbers = {name: number for name, value in values.items() if (number := as_number(value)) is not None}
        for name in values.keys() - numbers.keys():
            _warn(name, f"ax_mo.report: '{name}' is not a number and is left out: {values[name]!r:.200}")
        if numbers:
            append(trial / CURVE, _integer(step), current.seconds(), numbers)
    except Exception as error:
        _warn(type(error).__name__, f"ax_mo.report: nothing is recorded at step {step!r:.50}: {error!r:.300}")


def should_stop() -> bool:
    """Whether the sweep wants this trial to end now, with the metrics that it has. False outside a trial.

    Looks at a file, so it can be asked at every step. Where several processes train together, ask on one of them
    and broadcast the answer: the file may appear between two looks.
    """
    reason: str | None = None
    try:
        trial = current.directory()
        reason = None if trial is None else current.stop_requested(trial)
        if trial is not None and reason is not None and current.rank() == 0:
            current.acknowledge_stop(trial, reason)
    except Exception as error:
        _warn("should_stop", f"ax_mo.should_stop: {error!r:.300}")
    return reason is not None


def _integer(step: Any) -> int:
    """Of anything that is one: int, NumPy's and torch's integers, 3.0."""
    number = as_number(step)
    if number is None or number != int(number):
        raise TypeError("a step is an integer")
    return int(number)


def _warn(what: str, text: str) -> None:
    if what not in warned:
        warned.add(what)
        log.warning(text)
