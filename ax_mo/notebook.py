"""A study in a notebook: ``study = ax_mo.load(directory)``. It only reads."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from ax_mo.core.pareto import by_first_objective, hypervolume, pareto_front, reference_point
from ax_mo.core.trial import Trial, Value
from ax_mo.errors import AxMoError, closest
from ax_mo.results.query import names_of, parse_condition
from ax_mo.results.select import best, why_none
from ax_mo.results.tables import frame
from ax_mo.search_space.parameters import holds
from ax_mo.storage.snapshot import StudySnapshot, StudyState, read_snapshot

_ROWS = 20
"""Of the front, that a notebook shows by itself."""


def load(source: str | Path) -> "LoadedStudy":
    """The study of a sweep directory, or of ``<SQLAlchemy URL>/<study name>``, also while it runs.

    Raises AxMoError when there is none, or it cannot be read.
    """
    return LoadedStudy(source)


class LoadedStudy:
    """A study as it was when it was loaded, or last refreshed."""

    def __init__(self, source: str | Path) -> None:
        self._source = source
        self._record = read_snapshot(source)

    def refresh(self) -> "LoadedStudy":
        """Read the study again; returns it, for a chain of calls."""
        self._record = read_snapshot(self._source)
        self.__dict__.pop("_fitted", None)
        return self

    @property
    def record(self) -> StudySnapshot:
        """All that is known of the study, as values."""
        return self._record

    @property
    def trials(self) -> Any:
        """Every trial as a pandas DataFrame, indexed by number.

        Columns: ``status``, ``pareto`` (whether it is on the front), ``params.<key>`` (missing where the parameter is
        inactive), ``metrics.<name>``, ``sem.<name>`` (standard errors, with repeats only), ``reason``, ``generator``,
        ``attempt``, ``asked``, ``submitted``, ``started``, ``ended`` (UTC) and ``directory``.
        """
        return frame(self._record.trials, self._record)

    @property
    def pareto(self) -> Any:
        """The front as a pandas DataFrame with the columns of ``trials``, from the best in the first objective."""
        record = self._record
        front = pareto_front(record.trials, record.goals)
        return frame(by_first_objective(front, record.goals), record)

    @property
    def hypervolume(self) -> float:
        """What the front dominates, from the thresholds or, without, from the worst values of any trial.

        An objective on a log scale is measured in decades.
        """
        record = self._record
        front = pareto_front(record.trials, record.goals)
        return hypervolume(front, record.goals, reference_point(record.trials, record.goals))

    def point(self, trial: int) -> dict[str, Value]:
        """A trial's parameters. Raises AxMoError for a number that no trial has."""
        return dict(self._trial(trial).point)

    def suggest_point(
        self,
        max: str | Sequence[str] = (),
        min: str | Sequence[str] = (),
        where: str | Sequence[str] = (),
    ) -> Any:
        """The best known trial in a metric under conditions, as a row (pandas Series) of ``trials``.

        ``max`` and ``min`` name metrics or numeric parameters; where several are given, the later decide between
        trials that are equal in the earlier, those of ``max`` first. ``where`` holds linear conditions on the same,
        ``"num_params <= 50000"``, and equalities of other parameters, ``"model = cnn"``. Only trials that meet the
        study's constraints count, and before others those that meet the thresholds, apart from those of objectives
        that ``where`` names. Raises AxMoError when there is none, or for an unknown name.
        """
        trials, goals = self._record.trials, self._record.goals
        order = [(name, True) for name in _several(max)] + [(name, False) for name in _several(min)]
        if not order:
            raise AxMoError("suggest_point needs max= or min=, such as max='val_acc'.")
        names = names_of(trials, goals, self._record.space)
        for name, maximize in order:
            names.check_number(name, "max" if maximize else "min")
        conditions = [parse_condition(text, names) for text in _several(where)]
        trial = best(trials, goals, order, names, conditions)
        if trial is None:
            raise AxMoError(f"There is nothing to choose from: {why_none(trials, goals, conditions)}.")
        return frame([trial], self._record).loc[trial.number]

    # Plots: plotly figures, all with the names of the study

    def plot_tradeoff(self) -> Any:
        """The objectives against each other, the front drawn."""
        from ax_mo.html_report.tradeoff import tradeoff

        return tradeoff(self._record)

    def plot_hypervolume(self) -> Any:
        """How the hypervolume grew with the trials."""
        from ax_mo.html_report.progress import hypervolume_trace

        return hypervolume_trace(self._record)

    def plot_parallel_coordinates(self) -> Any:
        """Parameters and objectives of every trial as one line each."""
        from ax_mo.html_report.parallel import parallel_coordinates

        return parallel_coordinates(self._record)

    def plot_learning_curves(self) -> Any:
        """What the trials reported on their way."""
        from ax_mo.html_report.progress import learning_curves

        return learning_curves(self._record)

    def plot_timeline(self) -> Any:
        """What the workers did when."""
        from ax_mo.html_report.timeline import timeline

        return timeline(self._record)

    def plot_suggestions(self) -> Any:
        """How long the suggestion of each trial was computed."""
        from ax_mo.html_report.timeline import suggestion_seconds

        return suggestion_seconds(self._record)

    def plot_sensitivity(self) -> Any:
        """Which parameters matter to which metric, by the model. Raises AxMoError with too few trials."""
        from ax_mo.html_report.model_figures import sensitivity

        return sensitivity(self._fitted)

    def plot_cross_validation(self) -> Any:
        """How well the model predicts trials that it has not seen. Raises AxMoError with too few trials."""
        from ax_mo.html_report.model_figures import cross_validation

        return cross_validation(self._fitted)

    def plot_contour(
        self, a: str | None = None, b: str | None = None, metric: str | None = None, like: int | None = None
    ) -> Any:
        """What the model predicts of a metric along two parameters, and the trials that have both.

        Without parameters, along the two that matter most to the metric, which is the first objective if it is not
        given. All others are as in the trial ``like``; without, as in the knee of the front, or the next best trial in
        which both are active. Raises AxMoError for unknown names, for parameters that are not active together, and
        with too few trials for a model.
        """
        params = tuple(key for key in (a, b) if key is not None)
        return self._named("contour", params=params, metric=metric, like=like)

    def plot_slice(self, *params: str, metric: str | None = None, like: int | None = None) -> Any:
        """What the model predicts of a metric along each parameter, with its 95 % interval, and the trials.

        Without parameters, along the six that matter most. ``metric``, ``like`` and errors as in ``plot_contour``.
        """
        return self._named("slice", params=params, metric=metric, like=like)

    def plot_attainment(self, *others: "LoadedStudy") -> Any:
        """What any, half and all of several runs reached: this study and others that differ in their seed alone.

        Without others, the runs are the repeats of this one. Raises AxMoError where there are fewer than two runs.
        """
        return self._named("attainment", others=tuple(other.record for other in others))

    def _named(self, name: str, **options: Any) -> Any:
        from ax_mo.html_report.named_figures import FIGURES, FigureOptions

        return FIGURES[name].draw(self._fitted, FigureOptions(**options))

    # The model

    def predict(self, point: Mapping[str, Value], like: int | None = None) -> dict[str, tuple[float, float]]:
        """What the model expects of a point, by metric: the mean and its standard error; on a log scale, the median.

        The point needs a value for every parameter that its own choices make active. With ``like``, what it leaves
        out is as in that trial. Raises AxMoError for a missing or unknown parameter, for a value outside of the
        space, and with too few trials for a model. The first call fits the model, which takes seconds.
        """
        space = self._record.space
        given = {str(key): value for key, value in point.items()}
        for key in given:
            if key not in space.keys:
                known = ", ".join(space.keys)
                raise AxMoError(f"The study has no parameter '{key}'.{closest(key, space.keys)} It has: {known}.")
        values = {**({} if like is None else self.point(like)), **given}
        chosen = space.chosen(values)
        active = {parameter.key for parameter in space.parameters if holds(parameter.when, chosen)}
        complete = {key: value for key, value in values.items() if key in active}
        why = space.outside(complete)
        if why is not None:
            is_missing = why.key is not None and why.key not in values
            way_out = " Give one, or take a trial's with like=<its number>." if is_missing else ""
            raise AxMoError(f"The point is not in the study's space: {why}.{way_out}")
        inactive = [key for key in given if key not in active]
        if inactive:
            raise AxMoError(f"{inactive[0]} is inactive with the choices of this point; leave it out.")
        return dict(self._fitted.predict([complete])[0])

    @cached_property
    def _fitted(self) -> Any:
        from ax_mo.optimizer.diagnostics import FittedModel

        return FittedModel(self._record)

    def _trial(self, number: int) -> Trial:
        for trial in self._record.trials:
            if trial.number == number:
                return trial
        raise AxMoError(f"The study has no trial {number}.")

    # How it looks

    def __repr__(self) -> str:
        return f"<ax_mo study {self._record.name!r}: {self._summary()}>"

    def _summary(self) -> str:
        record = self._record
        own = [trial for trial in record.trials if not trial.is_imported]
        completed_ = sum(trial.status.has_metrics for trial in own)
        front = len(pareto_front(record.trials, record.goals))
        state = "" if record.state is StudyState.ENDED else f", {record.state}"
        return f"{len(own)} trials, {completed_} completed, {front} on the front{state}"

    def _repr_html_(self) -> str:
        goals = ", ".join(f"{o.goal} {o.name}" for o in self._record.goals.objectives)
        front = self.pareto
        kept = [name for name in front.columns if name.startswith(("params.", "metrics.", "sem."))]
        table = front[kept].head(_ROWS).to_html(escape=True, border=0, na_rep="")
        more = f"<p>and {len(front) - _ROWS} more on the front</p>" if len(front) > _ROWS else ""
        return (
            f"<p><b>{escape(self._record.name)}</b>: {escape(self._summary())}; {escape(goals)}<br>"
            f"<code>{escape(str(self._record.directory))}</code></p>{table}{more}"
        )


def _several(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
