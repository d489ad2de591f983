"""Numbers that a task returned and that differ from those that were used, from a source that counts before it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_CLOSE = 1e-5
"""Relative tolerance: by so much sums in single precision differ when added in another order."""
_DIGITS = range(3, 8)
"""As many significant digits a rounded number has."""
_BITS = (8, 11)
"""Of the significands of bfloat16 and float16."""


@dataclass(frozen=True)
class ReturnedDifference:
    """A metric whose value the task ``returned``, by name or position, while what is ``used`` is from ``source``."""

    metric: str
    used: float
    source: str
    returned: float
    """May be no finite number."""


def same_number(a: float, b: float) -> bool:
    """Whether two numbers are equal, apart from rounding to few digits or to 16 bits."""
    if a == b or math.isclose(a, b, rel_tol=_CLOSE):
        return True
    if not (math.isfinite(a) and math.isfinite(b)):
        return False
    return a in _shortened(float(b)) or b in _shortened(float(a))


def _shortened(number: float) -> set[float]:
    """The number rounded to 3 to 7 digits, to float16 and to bfloat16."""
    significand, exponent = math.frexp(number)
    binary = {math.ldexp(round(math.ldexp(significand, bits)), exponent - bits) for bits in _BITS}
    return binary.union(float(f"{number:.{digits}g}") for digits in _DIGITS)


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
