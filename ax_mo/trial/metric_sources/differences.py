"""Numbers that a task returned and that differ from those that were used, from a source that counts before it."""

import math
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ax_mo.trial.numbers import as_json

_CLOSE = 1e-5
"""Relative tolerance: by so much sums in single precision differ when added in another order."""
_DIGITS = range(3, 8)
"""As many significant digits a rounded number has."""


@dataclass(frozen=True)
class ReturnedDifference:
    """A metric whose value the task ``returned``, by name or position, while what is ``used`` is from ``source``."""

    metric: str
    used: float
    source: str
    returned: float
    """May be no finite number."""

    def as_json(self) -> dict[str, Any]:
        return {"metric": self.metric, "used": self.used, "source": self.source, "returned": as_json(self.returned)}


def same_number(a: float, b: float) -> bool:
    """Whether two numbers are equal, apart from rounding to few digits or to 16 bits."""
    if a == b or math.isclose(a, b, rel_tol=_CLOSE):
        return True
    if not (math.isfinite(a) and math.isfinite(b)):
        return False
    return a in _shortened(float(b)) or b in _shortened(float(a))


def _shortened(number: float) -> set[float]:
    """The number rounded to 3 to 7 digits, to float16 and to bfloat16."""
    if number == 0:
        return {0.0}
    first = math.floor(math.log10(abs(number)))
    found = {round(number, digits - 1 - first) for digits in _DIGITS}
    with suppress(OverflowError):
        found.add(struct.unpack("e", struct.pack("e", number))[0])
    with suppress(OverflowError, struct.error):
        (bits,) = struct.unpack("I", struct.pack("f", number))
        upper = bits + 0x7FFF + (bits >> 16 & 1) & 0xFFFF0000  # bfloat16 is the upper half, rounded to even
        found.add(struct.unpack("f", struct.pack("I", upper))[0])
    return found - {0.0}


_SHOWN = {"lightning": "Lightning", "reported": "ax_mo.report", "returned": "the returned dict", "built-in": "built in"}


def describe_differences(differences: Sequence[ReturnedDifference]) -> str:
    """The notice to the user: what was returned, what is used instead, and what to write if the first is meant."""
    parts = [
        f"{_shown(d.returned, d.used)} for '{d.metric}', which is {_shown(d.used, d.returned)} "
        f"({_SHOWN.get(d.source, d.source)})"
        for d in differences
    ]
    what = "that is used" if len(parts) == 1 else "those are used"
    meant = differences[0].metric
    return (
        f"the task returned {', and '.join(parts)}; {what}. If what it returns is meant, write "
        f"'{meant}: {{source: returned}}' under hydra.sweeper.metrics"
    )


def _shown(number: float, other: float) -> str:
    text = f"{number:.6g}"
    return text if text != f"{other:.6g}" else repr(number)
