"""A study in an Optuna storage, for optuna-dashboard and for those who go on from there: ``optuna.load_study``.

The storage is that of Optuna's own variable ``OPTUNA_STORAGE``, and otherwise ``optuna.db`` in the sweep's directory.
Optuna's trials have our numbers and are told apart by them, so that whatever is called again changes nothing. Those of
earlier studies (``warm_start``) are left out: Optuna numbers trials by itself, from 0.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from ax_mo.core.objective import Objective
from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import pareto_front
from ax_mo.core.trial import Status, Trial
from ax_mo.core.urls import sqlite_url
from ax_mo.early_stopping.curves import thinned
from ax_mo.search_space.parameters import Choice, Parameter
from ax_mo.search_space.space import SearchSpace
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trackers import StudyEnd
from ax_mo.trackers.env import StudyTag, study_tag

DATABASE = "optuna.db"
_UNNAMED = "study"

# User attributes. Optuna does not change those of a trial that has ended, so that what may change is the study's.
_TRIAL = "trial"
_DIRECTORY = "directory"
_PARETO = "pareto"
_STUDY_ID = "ax_mo.study_id"

_STATES = {
    Status.ASKED: TrialState.WAITING,
    Status.CANCELLED: TrialState.WAITING,  # a resume runs it again
    Status.RUNNING: TrialState.RUNNING,
    Status.COMPLETED: TrialState.COMPLETE,
    Status.EARLY_STOPPED: TrialState.PRUNED,
    Status.FAILED: TrialState.FAIL,
}

# Each is a row and, in a trial that was there before it ended, a transaction of its own.
_MOST_CURVE_POINTS = 100


class OptunaTracker:
    """Mirrors a study as it runs."""

    def __init__(self, tag: StudyTag, directory: Path) -> None:
        self._tag = tag
        self._url = os.environ.get("OPTUNA_STORAGE") or sqlite_url(directory / DATABASE)
        self._mirror: OptunaMirror | None = None

    def started(self, record: StudySnapshot) -> str | None:
        self._mirror = OptunaMirror(self._url, self._tag, record.goals)
        self._mirror.update(record)
        return None

    def progressed(self, record: StudySnapshot) -> None:
        assert self._mirror is not None
        self._mirror.update(record)

    def ended(self, trial: Trial) -> None:
        pass  # ``progressed`` is told of all trials

    def front(self, numbers: Sequence[int], hypervolume: float) -> None:
        pass

    def finished(self, record: StudySnapshot, report: Path | None, state: StudyEnd) -> None:
        assert self._mirror is not None
        self._mirror.update(record)
        self._mirror.study.set_user_attr("state", state.value)


class OptunaMirror:
    """One study in the storage at ``url``, made where it is not there. Raises what Optuna raises.

    ``goes_on``: a trial that trains in rungs and may be promoted from the one where it stopped waits for that.
    """

    def __init__(self, url: str, tag: StudyTag, goals: Goals, goes_on: bool = True) -> None:
        self._goes_on = goes_on
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # set_metric_names, since 3.2
        self._storage = optuna.storages.get_storage(url)
        self.study = self._opened(tag, goals)
        self._id = self._storage.get_study_id_from_name(self.study.study_name)

    def update(self, record: StudySnapshot) -> None:
        """Bring the storage to what is known of the study's own trials, in the order of their numbers."""
        mirrored = {trial.user_attrs.get(_TRIAL): trial for trial in self.study.get_trials(deepcopy=False)}
        own = [trial for trial in record.trials if not trial.is_imported]
        for trial in own:
            known = mirrored.get(trial.number)
            if known is None:
                self._storage.create_new_trial(self._id, self._content(trial, record))
            elif not known.state.is_finished() and known.state is not self._state(trial):
                self._change(known, self._content(trial, record))
        front = sorted(trial.number for trial in pareto_front(own, record.goals))
        if self.study.user_attrs.get(_PARETO) != front:
            self.study.set_user_attr(_PARETO, front)

    def close(self) -> None:
        """Let go of the database."""
        self._storage.remove_session()

    def _opened(self, tag: StudyTag, goals: Goals) -> Any:
        """The study by its label, or with its id behind that where another study has the label."""
        directions = [o.direction for o in goals.objectives]
        for name in (tag.label, f"{tag.label} {tag.id}"):
            study = optuna.create_study(
                storage=self._storage, study_name=name, directions=directions, load_if_exists=True
            )
            if not study.get_trials(deepcopy=False) and _STUDY_ID not in study.user_attrs:
                study.set_user_attr(_STUDY_ID, tag.id)
                study.set_metric_names([o.of_distance.name for o in goals.objectives])
            if study.user_attrs.get(_STUDY_ID) == tag.id:
                break
        return study

    def _change(self, known: FrozenTrial, content: FrozenTrial) -> None:
        """Of a trial that has not ended: its state last, since nothing of it changes once that says that it has."""
        number = known._trial_id
        for key, value in content.user_attrs.items():
            if known.user_attrs.get(key) != value:
                self._storage.set_trial_user_attr(number, key, value)
        for key, value in content.system_attrs.items():
            self._storage.set_trial_system_attr(number, key, value)
        for step, value in content.intermediate_values.items():
            self._storage.set_trial_intermediate_value(number, step, value)
        self._storage.set_trial_state_values(number, content.state, content.values)

    def _state(self, trial: Trial) -> TrialState:
        if self._goes_on and trial.status is Status.EARLY_STOPPED and trial.budget is not None:
            return TrialState.WAITING
        return _STATES[trial.status]

    def _content(self, trial: Trial, record: StudySnapshot) -> FrozenTrial:
        """The trial in Optuna's words."""
        goals, state = record.goals, self._state(trial)
        active = {id(parameter) for parameter in record.space.active(trial.point)}
        dimensions = [one for one in _dimensions(record.space) if id(one.parameter) in active]
        attributes: dict[str, Any] = {
            _TRIAL: trial.number,
            _DIRECTORY: str(record.directory / trial.directory),
            "generator": trial.generator,
            **{f"metrics.{name}": value for name, value in trial.metrics.items()},
            **({"reason": trial.reason} if trial.reason else {}),
        }
        if len(goals.objectives) == 1 and state.is_finished():
            (only,) = goals.objectives
            points = [point for point in record.curve_of(trial) if only.name in point.metrics]
            curve = [(point.step, _value(only, point.metrics)) for point in points]
        else:
            curve = []  # Optuna has none for several objectives
        content = create_trial(
            state=state,
            values=[_value(o, trial.metrics) for o in goals.objectives] if state is TrialState.COMPLETE else None,
            params={one.name: one.value(trial.point[one.parameter.key]) for one in dimensions},
            distributions={one.name: one.distribution for one in dimensions},
            user_attrs=attributes,
            intermediate_values=dict(thinned(curve, _MOST_CURVE_POINTS)),
            constraints=_constraints(trial.metrics, goals) if state is TrialState.COMPLETE else None,
        )
        if trial.started and state is not TrialState.WAITING:
            content.datetime_start = _moment(trial.started)
        if trial.ended and state.is_finished():
            content.datetime_complete = _moment(trial.ended)
        return content


def write_optuna(record: StudySnapshot, path: Path) -> None:
    """Write the study as it is into a new SQLite file of Optuna's."""
    name = record.directory.name if record.name == _UNNAMED else record.name
    tag = study_tag(name, "", record.name, record.created, record.seed)
    mirror = OptunaMirror(sqlite_url(path), tag, record.goals, goes_on=False)
    mirror.update(record)
    mirror.close()


@dataclass(frozen=True)
class _Dimension:
    """A parameter in Optuna's words."""

    parameter: Parameter
    name: str
    distribution: BaseDistribution
    categories: Mapping[str, Any] = field(default_factory=dict)
    """Optuna's value for each option's text."""

    def value(self, of_ours: Any) -> Any:
        return self.categories[self.parameter.text(of_ours)] if self.categories else of_ours


def _dimensions(space: SearchSpace) -> list[_Dimension]:
    """In the space's order.

    Optuna wants all distributions of a name alike. A key that is of several kinds under several options is several
    names; the choices of a key under several options are put together.
    """
    by_kind: dict[str, dict[str, list[Parameter]]] = {}
    for parameter in space.parameters:
        by_kind.setdefault(parameter.key, {}).setdefault(_kind(parameter), []).append(parameter)
    found: list[_Dimension] = []
    for parameter in space.parameters:
        kind, kinds = _kind(parameter), by_kind[parameter.key]
        name = parameter.key if len(kinds) == 1 else f"{parameter.key} ({kind})"
        if isinstance(parameter, Choice):
            categories = _categories([p for p in kinds[kind] if isinstance(p, Choice)])
            distribution = CategoricalDistribution(list(categories.values()))
            found.append(_Dimension(parameter, name, distribution, categories))
        elif parameter.integral:
            whole = IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
            found.append(_Dimension(parameter, name, whole))
        else:
            real = FloatDistribution(float(parameter.low), float(parameter.high), log=parameter.log)
            found.append(_Dimension(parameter, name, real))
    return found


def _kind(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        return "choice"
    return f"{'int' if parameter.integral else 'float'}{', log' if parameter.log else ''}"


def _categories(choices: Sequence[Choice]) -> dict[str, Any]:
    """The options' values by their texts; the texts themselves where a value is none for Optuna, or 1 beside true."""
    values = {option.text: option.value for choice in choices for option in choice.options}
    is_plain = all(
        v is None or isinstance(v, str | int) or (isinstance(v, float) and isfinite(v)) for v in values.values()
    )
    if is_plain and len(set(values.values())) == len(values):
        return values
    return {text: text for text in values}


def _value(objective: Objective, metrics: Mapping[str, float]) -> float:
    """Optuna knows no goal but up and down: of a target, the distance from it."""
    value = metrics[objective.name]
    return value if objective.target is None else objective.distance(value)


def _constraints(metrics: Mapping[str, float], goals: Goals) -> dict[str, float]:
    """How far beyond its bound each is; none is met above zero."""
    return {
        constraint.text: sum(weight * metrics[name] for name, weight in constraint.terms) - constraint.bound
        for constraint in goals.constraints
    }


def _moment(text: str) -> datetime:
    """As Optuna has it: the local time, without its zone."""
    return datetime.fromisoformat(text).astimezone().replace(tzinfo=None)
