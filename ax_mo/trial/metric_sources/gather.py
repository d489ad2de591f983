"""Everything that one trial gave: what its task returned, what it reported and logged, and what its sources have."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ax_mo.trial.costs import recorded_costs
from ax_mo.trial.curve import read_curve
from ax_mo.trial.files import LIGHTNING, SPEC, read_json
from ax_mo.trial.metric_sources.precedence import Candidates, choose_metrics
from ax_mo.trial.metric_sources.returned import ReturnedValue, by_name
from ax_mo.trial.metric_sources.settings import MetricSetting, parse_metric_sources
from ax_mo.trial.metric_sources.source import MetricError, NotFound, TrialOutput
from ax_mo.trial.numbers import as_number

log = logging.getLogger("ax_mo")


def trial_output(directory: Path, spec: Mapping[str, Any], value: Any) -> TrialOutput:
    """What a trial has left in ``directory``. ``value`` is what its task returned or raised."""
    returned = {} if isinstance(value, BaseException) else value
    lightning = _numbers((read_json(directory / LIGHTNING) or {}).get("metrics"))
    return TrialOutput(directory, spec, returned, read_curve(directory), lightning)


def gather(
    trial: TrialOutput, required: Collection[str] = (), built_in: Mapping[str, float] | None = None
) -> Candidates:
    """Everything that may be a metric of the trial. ``built_in`` are the costs that every trial has.

    Raises MetricError where the source of one of ``required`` cannot be read; others are left out then.
    """
    settings = parse_metric_sources(trial.spec.get("metrics"))
    returned = by_name(trial.returned, trial.spec["objectives"])
    sources = [setting.source for setting in settings.values() if isinstance(setting.source, ReturnedValue)]
    if any(source.key or not isinstance(trial.returned, list | tuple) for source in sources):
        # Whoever names the number that is returned, or the places of several, has no use for positions.
        returned = replace(returned, by_position={}, problem=None)
    candidates = Candidates(
        returned,
        reported=trial.curve.reported().last(),
        lightning=trial.lightning,
        costs=_numbers(recorded_costs(read_json(trial.directory / LIGHTNING) or {})),
        built_in=built_in or {},
        curve=trial.curve.last(),
    )
    named: dict[str, tuple[Any, str]] = {}
    not_found: dict[str, NotFound] = {}
    for name, setting in _used(settings, candidates).items():
        try:
            found = setting.value(trial)
        except Exception as error:  # files of other programs, while those may still be at work on them
            _unreadable(name, setting, required, error)
            continue
        if isinstance(found, NotFound):
            not_found[name] = found
        else:
            named[name] = found, setting.kind
    return replace(candidates, named=named, not_found=not_found)


def partial_metrics(directory: Path) -> dict[str, float]:
    """What a trial that ended without its result has left of metrics, as its recorder counts a stopped trial's.

    Never raises: what cannot be read is left out, with a warning.
    """
    try:
        spec = {"objectives": [], **(read_json(directory / SPEC) or {})}
        return choose_metrics(gather(trial_output(directory, spec, {})), (), stopped=True).metrics
    except Exception as error:
        log.warning("The metrics in %s cannot be read: %r", directory, error)
        return {}


def _used(settings: Mapping[str, MetricSetting], candidates: Candidates) -> dict[str, MetricSetting]:
    """The settings without the names that the trial has reported a number by."""
    taken = [name for name in settings if as_number(candidates.reported.get(name)) is not None]
    for name in taken:
        log.warning(
            "hydra.sweeper.metrics.%s is not used: the metric of that name is reported. Give it another name.", name
        )
    return {name: setting for name, setting in settings.items() if name not in taken}


def _unreadable(name: str, setting: MetricSetting, required: Collection[str], error: Exception) -> None:
    if name in required:
        if isinstance(error, MetricError):
            raise error
        what = f"'source: {setting.kind}' cannot be read: {error!r:.300}"
        raise MetricError(f"hydra.sweeper.metrics.{name}: {what}") from error
    log.warning("hydra.sweeper.metrics.%s: 'source: %s' cannot be read: %s", name, setting.kind, error)


def _numbers(entries: Any) -> dict[str, float]:
    """In our own files a number that JSON does not have is its text."""
    if not isinstance(entries, Mapping):
        return {}
    numbers: dict[str, float] = {}
    for name, entry in entries.items():
        try:
            numbers[name] = float(entry) if isinstance(entry, str) else entry
        except ValueError:
            continue
    return numbers
