"""Points along one or two parameters, all others as in a trial: where the model is asked for a slice or a contour."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ax_mo.core.pareto import by_first_objective, feasible_trials, pareto_front
from ax_mo.core.trial import Point, Trial, Value
from ax_mo.errors import AxMoError, closest
from ax_mo.optimizer.diagnostics import FittedModel
from ax_mo.results.select import knee
from ax_mo.search_space.parameters import Choice, Parameter, Range
from ax_mo.search_space.space import NOTHING, SearchSpace
from ax_mo.storage.snapshot import StudySnapshot

STEPS = {1: 41, 2: 21}
"""How many values of a range there are along an axis, by the number of axes."""

Prediction = Mapping[str, tuple[float, float]]
"""The mean and its standard error of each metric, as ``FittedModel.predict`` has them."""


@dataclass(frozen=True)
class GridAxis:
    """A parameter, and the values at which the model is asked: of a choice, all options in their order.

    A key that is several parameters under several options is one here, with the widest bounds or all options.
    """

    parameter: Parameter
    values: tuple[Value, ...]

    @property
    def key(self) -> str:
        """The key of its parameter."""
        return self.parameter.key

    @property
    def is_log(self) -> bool:
        """Whether its values are spaced by their ratios."""
        return isinstance(self.parameter, Range) and self.parameter.log

    def place_of(self, value: Value) -> int | None:
        """The place of an option's value among ``values``; None for what is no option."""
        assert isinstance(self.parameter, Choice)
        if self.parameter.outside(value) is not None:
            return None
        return [option.text for option in self.parameter.options].index(self.parameter.text(value))


@dataclass(frozen=True)
class PredictedGrid:
    """What the model predicts along one axis, or two."""

    axes: tuple[GridAxis, ...]
    base: Trial
    """As in which all other parameters are. One that it lacks, since another option of the axes brings it, is as in
    the next best trial that has it."""
    predictions: tuple[Prediction | None, ...]
    """Row by row: all values of the last axis for the first value of the first one, and so on. None where a parameter
    of an axis is inactive, or where the point is outside of the space."""


def predicted_grid(fitted: FittedModel, keys: Sequence[str], like: int | None = None) -> PredictedGrid:
    """The model's predictions along the parameters ``keys``, all others as in the trial ``like``.

    Without ``like``, as in the knee of the front, or the next best trial in which all of ``keys`` are active. Raises
    AxMoError for keys that are none or are not active together, and where there is no model.
    """
    record = fitted.record
    check_keys(record.space, keys)
    order = _by_worth(record)
    base = _base(record, keys, order, like)
    order = [base, *order]
    axes = _axes(record.space, keys, order)
    points = [_point(record.space, fixed, order) for fixed in _combinations(axes)]
    found = iter(fitted.predict([point for point in points if point is not None]))
    return PredictedGrid(axes, base, tuple(None if point is None else next(found) for point in points))


def active_together(record: StudySnapshot, keys: Sequence[str]) -> bool:
    """Whether there is a trial in which all of these parameters are active."""
    return any(all(key in trial.point for key in keys) for trial in record.trials)


def check_keys(space: SearchSpace, keys: Sequence[str]) -> None:
    """Raises AxMoError for a parameter that the space does not have, and for one that is there twice."""
    for key in keys:
        if key not in space.keys:
            known = ", ".join(space.keys)
            raise AxMoError(f"The study has no parameter '{key}'.{closest(key, space.keys)} It has: {known}.")
    if len(set(keys)) < len(keys):
        raise AxMoError(f"Give two different parameters, not {keys[0]} twice.")


def _by_worth(record: StudySnapshot) -> list[Trial]:
    """All trials, those first that a reader is likeliest to look around: the knee, the front, the feasible."""
    best = knee(record.trials, record.goals)
    front = by_first_objective(pareto_front(record.trials, record.goals), record.goals)
    order = [*([best] if best else []), *front, *feasible_trials(record.trials, record.goals), *record.trials]
    return list({trial.number: trial for trial in order}.values())


def _base(record: StudySnapshot, keys: Sequence[str], order: Sequence[Trial], like: int | None) -> Trial:
    if like is not None:
        given = next((trial for trial in record.trials if trial.number == like), None)
        if given is None:
            raise AxMoError(f"The study has no trial {like}.")
        inactive = [key for key in keys if key not in given.point]
        if inactive:
            raise AxMoError(f"{inactive[0]} is inactive in trial {given.label}; take another trial, or none.")
        return given
    base = next((trial for trial in order if all(key in trial.point for key in keys)), None)
    if base is None:
        together = "both " if len(keys) > 1 else ""
        raise AxMoError(f"No trial has {together}{' and '.join(keys)}.")
    return base


def _axes(space: SearchSpace, keys: Sequence[str], order: Sequence[Trial]) -> tuple[GridAxis, ...]:
    """An axis for each key. A choice comes before what its options bring, and decides what that is."""
    places = [parameter.key for parameter in space.parameters]
    axes: dict[str, GridAxis] = {}
    for key in sorted(keys, key=places.index):
        before = [axis for axis in axes.values() if isinstance(axis.parameter, Choice)]
        active = [parameter for fixed in _combinations(before) for parameter, _ in _walked(space, fixed, order)]
        parameter = _merged([parameter for parameter in active if parameter.key == key])
        axes[key] = GridAxis(parameter, _values(parameter, STEPS[len(keys)]))
    return tuple(axes[key] for key in keys)


def _merged(variants: Sequence[Parameter]) -> Parameter:
    """The parameter of which all of these are parts. A key that is a range here and a choice there: the first kind."""
    first = variants[0]
    if isinstance(first, Range):
        ranges = [parameter for parameter in variants if isinstance(parameter, Range)]
        return Range(
            first.key,
            min(r.low for r in ranges),
            max(r.high for r in ranges),
            integral=all(r.integral for r in ranges),
            log=all(r.log for r in ranges),
        )
    options = {o.text: o for parameter in variants if isinstance(parameter, Choice) for o in parameter.options}
    return Choice(first.key, tuple(options.values()))


def _values(parameter: Parameter, steps: int) -> tuple[Value, ...]:
    if isinstance(parameter, Choice) or (parameter.integral and parameter.high - parameter.low < steps):
        return tuple(parameter.values)
    return tuple(dict.fromkeys(parameter.at(step / (steps - 1)) for step in range(steps)))


def _combinations(axes: Sequence[GridAxis]) -> list[dict[str, Value]]:
    """The values of the axes with each other, row by row."""
    combined: list[dict[str, Value]] = [{}]
    for axis in axes:
        combined = [{**known, axis.key: value} for known in combined for value in axis.values]
    return combined


def _point(space: SearchSpace, fixed: Mapping[str, Value], order: Sequence[Trial]) -> Point | None:
    """The point with these values; None where one of them is inactive or outside of its bounds."""
    point = {parameter.key: value for parameter, value in _walked(space, fixed, order)}
    if any(value is NOTHING for value in point.values()) or not fixed.keys() <= point.keys():
        return None
    return point if space.meets_constraints(point) else None


def _walked(
    space: SearchSpace, fixed: Mapping[str, Value], order: Sequence[Trial]
) -> Iterator[tuple[Parameter, Value]]:
    """The active parameters of the point with these values, all others as in the first trial that has them."""
    return space.walk(lambda parameter, _: _value(parameter, fixed, order))


def _value(parameter: Parameter, fixed: Mapping[str, Value], order: Sequence[Trial]) -> Value:
    if parameter.key in fixed:
        value = fixed[parameter.key]
        return NOTHING if parameter.outside(value) else parameter.cast(value)
    known = (trial.point[parameter.key] for trial in order if parameter.key in trial.point)
    return next((parameter.cast(value) for value in known if not parameter.outside(value)), parameter.at(0.5))
