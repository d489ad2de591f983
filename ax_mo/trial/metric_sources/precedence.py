"""A trial's metrics: which source of each counts, and what the user is told of one that none has.

The first that has a metric wins: ``report()``, ``hydra.sweeper.metrics``, Lightning's final metrics, a returned dict,
the costs that every trial has for free. A number that was returned without a name comes after all of those: which
metric it is goes by its place alone, and many a ``main`` returns one for another purpose.
"""

import logging
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_mo.errors import closest
from ax_mo.trial.costs import recorded_costs
from ax_mo.trial.files import SPEC, read_json
from ax_mo.trial.metric_sources.differences import ReturnedDifference, same_number
from ax_mo.trial.metric_sources.settings import MetricSetting, parse_metric_sources
from ax_mo.trial.metric_sources.source import MetricError, NotFound, TrialOutput
from ax_mo.trial.metric_sources.values import Returned, ReturnedValue, by_name
from ax_mo.trial.numbers import as_number
from ax_mo.trial.untrusted import LARGEST

log = logging.getLogger("ax_mo")

_RETURNED = "returned"
_REPORTED = "reported"
_LIGHTNING = "lightning"
_BUILT_IN = "built-in"
_CURVE = "curve"

_Entry = tuple[str, str, Any]
"""A metric's name, its source, and its value, which need not be a number."""


@dataclass(frozen=True)
class ChosenMetrics:
    """Finite metrics, and the source of each."""

    metrics: dict[str, float]
    sources: dict[str, str]
    differences: tuple[ReturnedDifference, ...] = ()
    """Where the task returned another number than that which is used for a required metric."""


def choose_metrics(
    trial: TrialOutput, required: Sequence[str] = (), stopped: bool = False, built_in: Mapping[str, float] | None = None
) -> ChosenMetrics:
    """The metrics of one trial; raises MetricError if one of ``required`` is missing, unreadable or not finite.

    Where a source has a value that is no number at all, the next source counts; NaN is a number, which no other one
    replaces. A trial that was ``stopped`` early need not have all metrics, and its curve's last values count where
    there is nothing else. ``built_in`` are the costs that every trial has.
    """
    required, built_in = () if stopped else required, built_in or {}
    returned = by_name(trial.returned, trial.spec["objectives"])
    settings = parse_metric_sources(trial.spec.get("metrics"))
    sources = [setting.source for setting in settings.values() if isinstance(setting.source, ReturnedValue)]
    if any(source.key or not isinstance(trial.returned, list | tuple) for source in sources):
        returned = Returned(returned.named)  # the user says which number is which metric, so that no position does
    reported = {name: value for name, value in trial.curve.last().items() if name in trial.curve.reported}
    configured, not_found = _configured(trial, settings, reported, required)
    entries = [
        *_entries(_REPORTED, reported),
        *configured,
        *_entries(_LIGHTNING, trial.lightning),
        *_entries(_RETURNED, returned.named),
        *_entries(_BUILT_IN, {**built_in, **recorded_costs(trial.lightning_record)}),
        *_entries(_CURVE, trial.curve.last() if stopped else {}),
        *_entries(_RETURNED, returned.by_position),
    ]
    chosen, unusable = _first_numbers(entries, nan_counts=not stopped)
    for name in required:
        if name in chosen:
            continue
        if name in unusable:
            raise MetricError(f"the metric '{name}' is {_why_unusable(unusable[name])}: {unusable[name]!r:.200}")
        if name in not_found:
            raise MetricError(f"the metric '{name}': {_what_was_there(not_found[name])}")
        raise MetricError(_missing(name, returned.problem, entries, built_in, _what_to_do(required, trial)))
    return ChosenMetrics(
        {name: number for name, (number, _) in chosen.items()},
        {name: source for name, (_, source) in chosen.items()},
        _differences(returned, {name: chosen[name] for name in required}),
    )


def _differences(returned: Returned, chosen: Mapping[str, tuple[float, str]]) -> tuple[ReturnedDifference, ...]:
    """Where the task returned another number than the one that was chosen from another source."""
    values = {**returned.by_position, **returned.named}
    return tuple(
        ReturnedDifference(name, used, source, number)
        for name, (used, source) in chosen.items()
        if source != _RETURNED and (number := as_number(values.get(name))) is not None and not same_number(number, used)
    )


def partial_metrics(directory: Path) -> dict[str, float]:
    """What a trial that ended without its result has left of metrics, as its recorder counts a stopped trial's.

    Never raises: what cannot be read is left out, with a warning.
    """
    try:
        spec = {"objectives": [], **(read_json(directory / SPEC) or {})}
        return choose_metrics(TrialOutput(directory, spec, {}), stopped=True).metrics
    except Exception as error:
        log.warning("The metrics in %s cannot be read: %r", directory, error)
        return {}


def _entries(source: str, values: Mapping[str, Any]) -> list[_Entry]:
    return [(name, source, value) for name, value in values.items()]


def _configured(
    trial: TrialOutput, settings: Mapping[str, MetricSetting], reported: Collection[str], required: Collection[str]
) -> tuple[list[_Entry], dict[str, NotFound]]:
    """What ``hydra.sweeper.metrics`` names, and what of that is not there.

    Raises MetricError where the source of one of ``required`` cannot be read; others are left out then.
    """
    entries: list[_Entry] = []
    not_found: dict[str, NotFound] = {}
    for name, setting in settings.items():
        key = f"hydra.sweeper.metrics.{name}"
        if name in reported:
            log.warning("%s is not used: the metric of that name is reported. Give it another name.", key)
            continue
        try:
            found = setting.value(trial)
        except Exception as error:  # files of other programs, while those may still be at work on them
            if name not in required:
                log.warning("%s: 'source: %s' cannot be read: %s", key, setting.kind, error)
                continue
            if isinstance(error, MetricError):
                raise
            raise MetricError(f"{key}: 'source: {setting.kind}' cannot be read: {error!r:.300}") from error
        if isinstance(found, NotFound):
            not_found[name] = found
        else:
            entries.append((name, setting.kind, found))
    return entries, not_found


def _first_numbers(entries: Iterable[_Entry], nan_counts: bool) -> tuple[dict[str, tuple[float, str]], dict[str, Any]]:
    """By name, the first number and its source; and the value that keeps a metric from having one."""
    chosen: dict[str, tuple[float, str]] = {}
    unusable: dict[str, Any] = {}
    for name, source, value in entries:
        if name in chosen or (nan_counts and as_number(unusable.get(name)) is not None):
            continue
        number = as_number(value)
        if number is not None and abs(number) <= LARGEST:
            chosen[name] = number, source
        elif number is not None or name not in unusable:
            unusable[name] = value
    return chosen, unusable


def _why_unusable(value: Any) -> str:
    number = as_number(value)
    if number is None:
        return "not a number"
    return f"beyond {LARGEST:g}" if math.isfinite(number) else "not finite"


def _what_was_there(missed: NotFound) -> str:
    what = f"the {missed.noun} '{missed.tag}'" if missed.tag else f"a {missed.noun}"
    return f"looked for {what} in {missed.where}; {missed.instead}.{_hint(missed.tag, missed.names)}"


def _missing(
    name: str, problem: str | None, entries: Iterable[_Entry], built_in: Mapping[str, float], advice: str
) -> str:
    """Says every name that was seen, and the closest; or what to do where a task has none."""
    seen: dict[str, list[str]] = {}
    for other, source, _ in entries:
        if other not in built_in:
            seen.setdefault(source, []).append(other)
    if problem and not seen:
        return f"{problem}\n{advice}"
    listed = "; ".join(f"{source}: {', '.join(names)}" for source, names in seen.items()) or "none"
    hint = _hint(name, [*(other for names in seen.values() for other in names), *built_in])
    why = f" ({problem})" if problem else ""
    return f"the metric '{name}' appeared nowhere{why}; seen were {listed}.{hint}{_OF_COSTS.get(name, '')}"


_OF_COSTS = {
    **dict.fromkeys(
        ("num_params", "num_params_total"),
        " Without Lightning, ax_mo.report_model(model) counts the parameters of a PyTorch module.",
    ),
    "peak_cuda_memory_mb": " It is known where the trial's own process has used a GPU through PyTorch.",
    "fit_seconds": " It is Lightning's; every trial has trial_seconds.",
}


def _what_to_do(required: Sequence[str], trial: TrialOutput) -> str:
    first, last = required[0], required[-1]
    returned = "" if as_number(trial.returned) is None else f"{first}: {{source: returned}} for the number, "
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
