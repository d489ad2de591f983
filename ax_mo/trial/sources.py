"""One set of metrics from everything that a trial said. Pure.

The first that has a name wins: the return value, ``report()``, Lightning's final metrics, files (and whatever else
``hydra.sweeper.metrics`` names), the costs that every Lightning project gets for free.
"""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ax_mo.trial.metrics import MetricError, Returned, as_number
from ax_mo.trial.untrusted import LARGEST

RETURNED = "returned"
REPORTED = "reported"
LIGHTNING = "lightning"
BUILT_IN = "built-in"
CURVE = "curve"

_NO_FILE = {"csv": "no metrics.csv", "tensorboard": "no event file"}
_SEEN = {REPORTED: "reported", LIGHTNING: "Lightning", BUILT_IN: "built-in"}


@dataclass(frozen=True)
class Said:
    """Everything that a trial said, each as name -> value; values need not be numbers."""

    returned: Returned = field(default_factory=lambda: Returned({}))
    reported: Mapping[str, Any] = field(default_factory=dict)
    lightning: Mapping[str, Any] = field(default_factory=dict)
    named: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    """By ``hydra.sweeper.metrics``: value and where it is from."""
    costs: Mapping[str, Any] = field(default_factory=dict)
    curve: Mapping[str, float] = field(default_factory=dict)
    """The last values of the learning curve: all that a trial may have that was stopped early."""
    unread: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Names in files that no metric is read from; they serve the message alone."""

    @property
    def by_precedence(self) -> list[tuple[str, str, Any]]:
        """(name, source, value), the winner of each name first."""
        groups = [
            (RETURNED, self.returned.named),
            (REPORTED, self.reported),
            (LIGHTNING, self.lightning),
        ]
        entries = [(name, source, value) for source, values in groups for name, value in values.items()]
        entries += [(name, source, value) for name, (value, source) in self.named.items()]
        return entries + [(name, BUILT_IN, value) for name, value in self.costs.items()]


@dataclass(frozen=True)
class Merged:
    """Finite metrics, and the source of each. ``unnamed`` is a number that the task returned without a name."""

    metrics: dict[str, float]
    sources: dict[str, str]
    unnamed: float | None = None


def merge(said: Said, required: Sequence[str], stopped: bool = False) -> Merged:
    """The metrics of one trial; raises MetricError if one of ``required`` is missing or not finite.

    A value that is no number at all gives way to the next source's; NaN does not: it is what the project says.
    Whoever was ``stopped`` early need not have them all, and their curve's last values count where there is nothing
    else.
    """
    metrics: dict[str, float] = {}
    sources: dict[str, str] = {}
    not_finite: dict[str, Any] = {}
    no_number: dict[str, Any] = {}
    for name, source, value in said.by_precedence:
        if name in metrics or name in not_finite:
            continue
        number = as_number(value)
        if number is None:
            no_number.setdefault(name, value)
        elif abs(number) <= LARGEST:
            metrics[name], sources[name] = number, source
        else:
            not_finite[name] = value
    if stopped:
        for name, number in said.curve.items():
            if name not in metrics:
                metrics[name], sources[name] = number, CURVE
    else:
        for name in required:
            if name in not_finite:
                what = f"beyond {LARGEST:g}" if math.isfinite(as_number(not_finite[name]) or 0.0) else "not finite"
                raise MetricError(f"the metric '{name}' is {what}: {not_finite[name]!r:.200}")
            if name not in metrics and name in no_number:
                raise MetricError(f"the metric '{name}' is not a number: {no_number[name]!r:.200}")
        for name in required:
            if name not in metrics:
                raise MetricError(_missing(name, said))
    unnamed = as_number(said.returned.unnamed)
    return Merged(metrics, sources, unnamed if unnamed is not None and math.isfinite(unnamed) else None)


def _missing(name: str, said: Said) -> str:
    """Says every name that was seen, and the closest."""
    others = [(source, other) for other, source, _ in said.by_precedence if source != RETURNED]
    others += [(source, other) for source, names in said.unread.items() for other in names]
    absent = [f"{_NO_FILE.get(source, source)} with metrics" for source, names in said.unread.items() if not names]
    looked = f" There is {' and '.join(absent)} below the trial's directory." if absent else ""
    problem = said.returned.problem
    if not others:
        if problem is not None:
            return problem + looked
        listed = ", ".join(said.returned.named) or "none"
        hint = _hint(name, said.returned.named)
        return f"the metric '{name}' was not returned; returned were: {listed}.{looked}{hint}"
    seen: dict[str, list[str]] = {RETURNED: list(said.returned.named)} if said.returned.named else {}
    for source, other in others:
        seen.setdefault(source, []).append(other)
    listed = "; ".join(
        f"{_SEEN.get(source, source)}: {', '.join(dict.fromkeys(names))}" for source, names in seen.items()
    )
    hint = _hint(name, [other for names in seen.values() for other in names])
    unnamed = f" ({problem.partition(';')[0]})" if problem else ""
    return f"the metric '{name}' appeared nowhere{unnamed}; seen were {listed}.{looked}{hint}"


def _hint(name: str, seen: Iterable[str]) -> str:
    names = list(dict.fromkeys(seen))
    alike = [other for other in names if name.lower() in other.lower() or other.lower() in name.lower()]
    near = difflib.get_close_matches(name, alike, n=1, cutoff=0.0) or difflib.get_close_matches(
        name, names, n=1, cutoff=0.5
    )
    return f" Did you mean '{near[0]}'?" if near else ""
