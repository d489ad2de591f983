"""Conditions on trials as people write them: ``num_params <= 50000``, ``model = cnn``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ax_mo.core.linear import parse_comparison
from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Trial
from ax_mo.errors import AxMoError, ConfigError, closest
from ax_mo.results.tables import metric_names
from ax_mo.search_space.parameters import Choice, Option, Parameter, Range
from ax_mo.search_space.space import SearchSpace

_RELATIONS = ("<=", ">=", "<", ">", "==", "=", "!=")
_EXAMPLES = "'num_params <= 50000' or 'a + 2*b > 1'; of a parameter that is no number, 'model = cnn'"
_EQUALITY = re.compile(r"\s*(`[^`]+`|[^\s<>=!]+)\s*(==|!=|=)\s*(.*?)\s*", re.DOTALL)
_TOLERANCE = 1e-9  # relative: sums and suggestions are rounded


@dataclass(frozen=True)
class Names:
    """What can be named: metrics that some trial has, those of the goals first, and the parameters of the space.

    A metric hides a parameter of the same name.
    """

    metrics: tuple[str, ...]
    space: SearchSpace

    @property
    def all(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys([*self.metrics, *self.space.keys]))

    def parameters(self, name: str) -> list[Parameter]:
        """The parameters that the name means; none where it is a metric's."""
        return [] if name in self.metrics else [p for p in self.space.parameters if p.key == name]

    def check_number(self, name: str, where: str) -> None:
        """Raises AxMoError, which begins with ``where``, for a name of nothing and for one of no number."""
        if name not in self.all:
            raise AxMoError(
                f"{where}: no trial has a metric or parameter '{name}'.{closest(name, self.all)} "
                f"There are: {', '.join(self.all)}."
            )
        if not all(map(_is_numeric, self.parameters(name))):
            raise AxMoError(f"{where}: the parameter '{name}' is no number; write {name} = <one of its values>.")

    def value(self, trial: Trial, name: str) -> float | None:
        """The trial's; None where it lacks the metric or the parameter is inactive."""
        return trial.metrics.get(name) if name in self.metrics else trial.point.get(name)


def names_of(trials: Sequence[Trial], goals: Goals, space: SearchSpace) -> Names:
    """What can be named in a study with these trials."""
    return Names(tuple(metric_names(goals, trials)), space)


@dataclass(frozen=True)
class NumberCondition:
    """A linear comparison of numbers. A trial that lacks one of them does not meet it."""

    terms: tuple[tuple[str, float], ...]
    relation: str
    bound: float
    among: Names

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics and parameters that it compares."""
        return tuple(name for name, _ in self.terms)

    def holds(self, trial: Trial) -> bool:
        """Whether the trial meets it."""
        parts = [self.bound]
        for name, weight in self.terms:
            value = self.among.value(trial, name)
            if value is None:
                return False
            parts.append(weight * value)
        difference = sum(parts[1:]) - self.bound
        equal = abs(difference) <= _TOLERANCE * max(map(abs, parts))
        if self.relation in ("==", "=", "!="):
            return equal != (self.relation == "!=")
        if equal:
            return self.relation in ("<=", ">=")
        return (difference < 0) == self.relation.startswith("<")


@dataclass(frozen=True)
class ChoiceCondition:
    """A choice that has one of ``texts`` as its value, or none of them. Not met by a trial in which it is inactive."""

    key: str
    texts: frozenset[str]
    negated: bool
    choices: tuple[Choice, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameter that it compares."""
        return (self.key,)

    def holds(self, trial: Trial) -> bool:
        """Whether the trial meets it."""
        if self.key not in trial.point:
            return False
        value = trial.point[self.key]
        found = {choice.text(value) for choice in self.choices if choice.outside(value) is None}
        return bool(found & self.texts) != self.negated


TrialCondition = NumberCondition | ChoiceCondition


def parse_condition(text: str, among: Names) -> TrialCondition:
    """Read one condition. Raises AxMoError with what is possible instead."""
    equality = _EQUALITY.fullmatch(text)
    if equality is not None:
        key = equality[1].strip("`")
        choices = tuple(p for p in among.parameters(key) if isinstance(p, Choice))
        if choices and not all(map(_is_numeric, choices)):
            return _choice_condition(key, equality, choices, text)
    try:
        found = parse_comparison(text, "where", _RELATIONS, _EXAMPLES, among.all)
    except ConfigError as error:
        raise AxMoError(str(error)) from None
    for name, _ in found.terms:
        among.check_number(name, f"where: '{text}'")
    return NumberCondition(found.terms, found.relation, found.bound, among)


def _choice_condition(key: str, equality: re.Match[str], choices: tuple[Choice, ...], text: str) -> ChoiceCondition:
    _, relation, given = equality.groups()
    options = [option for choice in choices for option in choice.options]
    texts = {option.text for option in options if option.text == given}
    texts = texts or {option.text for option in options if _shown(option) == _plain(given)}
    if not texts:
        shown = list(dict.fromkeys(map(_shown, options)))
        raise AxMoError(
            f"where: '{text}': {key} has no value '{given}'.{closest(_plain(given), shown)} It has: {', '.join(shown)}."
        )
    return ChoiceCondition(key, frozenset(texts), relation == "!=", choices)


def _shown(option: Option) -> str:
    """As tables have it: true, null, and text without quotes."""
    if isinstance(option.value, bool):
        return option.text.lower()
    return option.value if isinstance(option.value, str) else option.text


def _plain(text: str) -> str:
    """Without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _is_numeric(parameter: Parameter) -> bool:
    if isinstance(parameter, Range):
        return True
    return all(isinstance(o.value, int | float) and not isinstance(o.value, bool) for o in parameter.options)
