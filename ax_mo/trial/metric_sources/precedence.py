"""In which order the sources of a metric count, and what the user is told of one that none of them has.

The first that has a metric wins: ``report()``, ``hydra.sweeper.metrics``, Lightning's final metrics, a returned dict,
the costs that every trial has for free. A number that was returned without a name comes after all of those: which
metric it is goes by its place alone, and many a ``main`` returns one for another purpose.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ax_mo.errors import closest
from ax_mo.trial.metric_sources.differences import ReturnedDifference, same_number
from ax_mo.trial.metric_sources.returned import Returned
from ax_mo.trial.metric_sources.source import MetricError, NotFound
from ax_mo.trial.numbers import as_number
from ax_mo.trial.untrusted import LARGEST

RETURNED = "returned"
REPORTED = "reported"
LIGHTNING = "lightning"
BUILT_IN = "built-in"
CURVE = "curve"

_SEEN = {REPORTED: "reported", LIGHTNING: "Lightning", BUILT_IN: "built-in"}


@dataclass(frozen=True)
class Candidates:
    """Everything that may be a metric of a trial, each as name -> value; values need not be numbers."""

    returned: Returned = field(default_factory=lambda: Returned({}))
    reported: Mapping[str, Any] = field(default_factory=dict)
    lightning: Mapping[str, Any] = field(default_factory=dict)
    named: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    """By ``hydra.sweeper.metrics``: value and where it is from."""
    costs: Mapping[str, Any] = field(default_factory=dict)
    """Of its model and its training."""
    built_in: Mapping[str, float] = field(default_factory=dict)
    """The costs that every trial has."""
    curve: Mapping[str, float] = field(default_factory=dict)
    """The last values of the learning curve: all that a trial may have that was stopped early."""
    not_found: Mapping[str, NotFound] = field(default_factory=dict)
    """What ``hydra.sweeper.metrics`` names and was not found; it serves the message alone."""

    @property
    def by_precedence(self) -> list[tuple[str, str, Any]]:
        """(name, source, value) of all that has a name, the winner of each first."""
        named = [(name, source, value) for name, (value, source) in self.named.items()]
        costs = {**self.built_in, **self.costs}
        groups = [(LIGHTNING, self.lightning), (RETURNED, self.returned.named), (BUILT_IN, costs)]
        others = [(name, source, value) for source, values in groups for name, value in values.items()]
        return [*((name, REPORTED, value) for name, value in self.reported.items()), *named, *others]


@dataclass(frozen=True)
class ChosenMetrics:
    """Finite metrics, and the source of each. ``unnamed`` is a number that the task returned without a name."""

    metrics: dict[str, float]
    sources: dict[str, str]
    unnamed: float | None = None
    differences: tuple[ReturnedDifference, ...] = ()
    """Where the task returned another number than that which is used for a required metric."""


def choose_metrics(candidates: Candidates, required: Sequence[str], stopped: bool = False) -> ChosenMetrics:
    """The metrics of one trial; raises MetricError if one of ``required`` is missing or not finite.

    A value that is no number at all gives way to the next source's; NaN does not: it is what the project says.
    Whoever was ``stopped`` early need not have them all, and their curve's last values count where there is nothing
    else.
    """
    metrics: dict[str, float] = {}
    sources: dict[str, str] = {}
    not_finite: dict[str, Any] = {}
    no_number: dict[str, Any] = {}

    def take(name: str, source: str, value: Any) -> None:
        number = as_number(value)
        if name in metrics or name in not_finite:
            return
        if number is None:
            no_number.setdefault(name, value)
        elif abs(number) <= LARGEST:
            metrics[name], sources[name] = number, source
        else:
            not_finite[name] = value

    for name, source, value in candidates.by_precedence:
        take(name, source, value)
    if stopped:
        for name, number in candidates.curve.items():
            if name not in metrics:
                metrics[name], sources[name] = number, CURVE
    for name, value in candidates.returned.by_position.items():
        take(name, RETURNED, value)
    if not stopped:
        for name in required:
            if name in not_finite:
                what = f"beyond {LARGEST:g}" if math.isfinite(as_number(not_finite[name]) or 0.0) else "not finite"
                raise MetricError(f"the metric '{name}' is {what}: {not_finite[name]!r:.200}")
            if name not in metrics and name in no_number:
                raise MetricError(f"the metric '{name}' is not a number: {no_number[name]!r:.200}")
        for name in required:
            if name not in metrics:
                raise MetricError(_missing(name, candidates, required))
    unnamed = as_number(candidates.returned.unnamed)
    if unnamed is not None and not math.isfinite(unnamed):
        unnamed = None
    # The metrics of a trial that was stopped are those of some step before its end.
    differences = () if stopped else tuple(_differences(candidates.returned, metrics, sources, required))
    return ChosenMetrics(metrics, sources, unnamed, differences)


def _differences(
    returned: Returned, metrics: Mapping[str, float], sources: Mapping[str, str], required: Iterable[str]
) -> Iterator[ReturnedDifference]:
    values = {**returned.by_position, **returned.named}
    for name in required:
        number = as_number(values.get(name))
        if number is not None and sources[name] != RETURNED and not same_number(number, metrics[name]):
            yield ReturnedDifference(name, metrics[name], sources[name], number)


def _missing(name: str, candidates: Candidates, required: Sequence[str]) -> str:
    """Says what was looked for, or every name that was seen, and the closest."""
    if name in candidates.not_found:
        looked = candidates.not_found[name]
        what = f"the {looked.noun} '{looked.tag}'" if looked.tag else f"a {looked.noun}"
        hint = _hint(looked.tag, looked.names)
        return f"the metric '{name}': looked for {what} in {looked.where}; {looked.instead}.{hint}"
    known = {*candidates.returned.named, *candidates.built_in}
    others = [(source, other) for other, source, _ in candidates.by_precedence if other not in known]
    problem = candidates.returned.problem
    if not others:
        if problem is not None:
            return f"{problem}\n{_what_to_do(required, candidates.returned.unnamed)}"
        listed = ", ".join(candidates.returned.names) or "none"
        hint = _hint(name, [*candidates.returned.names, *candidates.built_in])
        return f"the metric '{name}' was not returned; returned were: {listed}.{hint}{_OF_COSTS.get(name, '')}"
    seen: dict[str, list[str]] = {RETURNED: candidates.returned.names} if candidates.returned.names else {}
    for source, other in others:
        seen.setdefault(source, []).append(other)
    listed = "; ".join(
        f"{_SEEN.get(source, source)}: {', '.join(dict.fromkeys(names))}" for source, names in seen.items()
    )
    hint = _hint(name, [*(other for names in seen.values() for other in names), *candidates.built_in])
    unnamed = f" ({problem})" if problem else ""
    return f"the metric '{name}' appeared nowhere{unnamed}; seen were {listed}.{hint}{_OF_COSTS.get(name, '')}"


_OF_COSTS = {
    **dict.fromkeys(
        ("num_params", "num_params_total"),
        " Without Lightning, ax_mo.report_model(model) counts the parameters of a PyTorch module.",
    ),
    "peak_cuda_memory_mb": " It is known where the trial's own process has used a GPU through PyTorch.",
    "fit_seconds": " It is Lightning's; every trial has trial_seconds.",
}


def _what_to_do(required: Sequence[str], number: Any) -> str:
    first, last = required[0], required[-1]
    returned = f"{first}: {{source: returned}} for the number, " if number is not None else ""
    return (
        f"Return a dict with {', '.join(required)}, log them by Lightning's self.log, or call ax_mo.report(step, ...)."
        f"\nOr name them under hydra.sweeper.metrics: {returned}"
        f"{last}: {{source: config, key: model.width}} for a value or expression of the config, and csv, json, jsonl, "
        "yaml, tensorboard or log for what the task writes or prints.\n"
        "Every trial has trial_seconds and peak_memory_mb by itself, and num_params after ax_mo.report_model(model)."
    )


def _hint(name: str, names: Iterable[str]) -> str:
    """Names the likeliest one that was meant: one that holds ``name`` or is part of it, else one spelled alike."""
    known = list(dict.fromkeys(names))
    parts = [other for other in known if name.lower() in other.lower() or other.lower() in name.lower()]
    if parts:
        return f" Did you mean '{min(parts, key=lambda other: abs(len(other) - len(name)))}'?"
    return closest(name, known)
