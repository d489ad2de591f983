"""Metrics that are values of a trial's configuration, such as a number of neurons: known before the trial runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.core.expression import ExpressionError, checked_number, evaluate
from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.project import COMPOSE_ERRORS, Project, all_keys, has_key, reason
from ax_mo.search_space.space import SearchSpace
from ax_mo.search_space.start import samples
from ax_mo.trial.metric_sources.settings import parse_metric_sources
from ax_mo.trial.metric_sources.values import ConfigValue


@dataclass(frozen=True)
class ConfigMetrics:
    """What each metric is in the configuration: a key, or an expression of some. ``required`` ones every trial has."""

    keys: Mapping[str, str]
    required: frozenset[str]

    def of(self, config: DictConfig) -> dict[str, float]:
        """The metrics of a composed configuration. Raises ConfigError where one that is required has no value in it."""
        found: dict[str, float] = {}
        for name, key in self.keys.items():
            try:
                found[name] = _value(name, key, config)
            except ConfigError:
                if name in self.required:
                    raise
        return found

    def check(self, space: SearchSpace, project: Project) -> None:
        """Raises ConfigError where a metric has no value under some option, or an optional one has none under any."""
        errors: dict[str, ConfigError] = {}
        there: set[str] = set()
        for point in samples(space, project) if self.keys else ():
            try:
                config = project.compose(space.overrides(point))
            except COMPOSE_ERRORS:
                continue  # options that clash: a failed trial of its own
            for name, key in self.keys.items():
                try:
                    _value(name, key, config)
                    there.add(name)
                except ConfigError as error:
                    errors.setdefault(name, error)
        for name, first in errors.items():
            if name in self.required or name not in there:
                raise first


def config_metrics(metrics: Any, required: Sequence[str]) -> ConfigMetrics:
    """Those of ``hydra.sweeper.metrics`` whose source is the configuration. Raises ConfigError."""
    sources = {name: setting.source for name, setting in parse_metric_sources(metrics).items()}
    keys = {name: source.key for name, source in sources.items() if isinstance(source, ConfigValue)}
    return ConfigMetrics(keys, frozenset(required))


def _value(name: str, key: str, config: DictConfig) -> float:
    where = f"hydra.sweeper.metrics.{name}.key"

    def value_of(wanted: str) -> Any:
        plain = wanted.replace("[", ".").replace("]", "")
        if not has_key(config, plain):
            overrides = " ".join(map(str, config.hydra.overrides.task))
            raise ConfigError(
                f"{where}: the project's configuration has no key '{wanted}'{overrides and f' with {overrides}'}."
                f"{closest(wanted, all_keys(config))}"
            )
        try:
            value = OmegaConf.select(config, plain)
        except OmegaConfBaseException as error:
            raise ConfigError(f"{where}: '{wanted}' cannot be resolved: {reason(error)}") from None
        return OmegaConf.to_container(value, resolve=True) if isinstance(value, ListConfig) else value

    try:
        # A key may hold signs that an expression would take apart.
        return checked_number(value_of(key), key) if has_key(config, key) else evaluate(key, value_of)
    except ExpressionError as error:
        raise ConfigError(f"{where}: '{key}' {error}.") from None
