"""A study as Ax's experiment: its objectives, and its trials with their repeats, curves and early stops as data.

Ax is used through its public ``Client``, in memory. Metrics go by aliases, since Ax parses their names with SymPy: the
objectives are ``m0``, ``m1``, ... and the constraints ``c0``, ``c1``, ...
"""

import math
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from ax_mo.core.objective import Objective
from ax_mo.core.objectives import Goals
from ax_mo.core.repeats import deviation, means, standard_error
from ax_mo.core.trial import Status, Suggestion, Trial
from ax_mo.early_stopping.curves import expected_final, thinned
from ax_mo.early_stopping.rung_growth import expected_at_highest
from ax_mo.optimizer import compat
from ax_mo.optimizer.ax_space import AxSpace
from ax_mo.search_space.space import PointIdentity
from ax_mo.trial.curve import Curve, CurvePoint

# Of Ax's nodes; those of the user's own strategy are called as they are there.
_GENERATORS = {"Sobol": "sobol", "MBM": "model"}
_NODES = {generator: node for node, generator in _GENERATORS.items()}

# As many letters as the database has room for.
_LONGEST_GENERATOR = 32

# Of each trial's curves, all together: each tell goes through all rows of the study, and no model reads them.
_MOST_CURVE_POINTS = 300


class AxExperiment:
    """One study in an Ax client of its own. ``curve_of`` reads the curve of a trial that has ended.

    ``impute``: where comparable trials tell what a trial that was stopped early would have come to, Ax is given that in
    place of its last metrics (``ax_mo.early_stopping.curves``). ``own_model``: Ax has our model and strategy. Those of
    others know an objective with a target by its distance, and each trial as one of the node that has made it.
    """

    def __init__(
        self,
        ax_space: AxSpace,
        goals: Goals,
        seed: int,
        curve_of: Callable[[Trial], Sequence[CurvePoint]],
        impute: bool = True,
        own_model: bool = True,
    ) -> None:
        self._ax_space = ax_space
        self._own_model = own_model
        self._asked_goals = goals
        self._goals = goals.settled(())  # by the trials that are known
        self._told: dict[int, Trial] = {}
        self._curve_of = curve_of
        self._impute = impute
        self._indices: dict[int, int] = {}  # trial number -> Ax's trial index
        self._proposed: dict[PointIdentity, int] = {}  # a proposed point -> Ax's index, until it gets a number
        self._known: set[PointIdentity] = set()
        self._with_data: dict[int, Trial] = {}
        self._curves: dict[int, dict[str, Curve]] = {}  # by trial and Ax's metric
        self.client = compat.import_client()(random_seed=seed)
        self.client.configure_experiment(parameters=ax_space.configs(), parameter_constraints=ax_space.constraints())
        self._thresholds = self._thresholds_now()
        self._configure_goals()

    def tell(self, trials: Sequence[Trial]) -> None:
        """Take over what is known of these trials, in one go: Ax takes 10 ms for each that is completed on its own."""
        news: dict[int, None] = {}
        self._told.update((trial.number, trial) for trial in trials)
        goals = self._asked_goals.settled(self._told.values())
        if goals != self._goals:  # all that Ax has is of another scale
            self._goals = goals
            news = dict.fromkeys(self._with_data)
            self._curves = {number: self._curves_of(trial) for number, trial in self._with_data.items()}
        for trial in trials:
            self._add(trial)
            if trial.status is Status.FAILED:  # abandoned, in Ax's terms, so that it does not propose the point again
                self.client.mark_trial_abandoned(self._indices[trial.number])
            elif trial.status.has_metrics:
                self._ax_trial(trial.number).mark_completed(unsafe=True)  # one that was promoted had been stopped
            elif trial.status is Status.EARLY_STOPPED:
                # Unsafe: Ax would see the data first, and the repeats' uncertainty depends on all trials.
                self._ax_trial(trial.number).mark_early_stopped(reason=trial.reason or None, unsafe=True)
            if self._has_data(trial):
                news[trial.number] = None
                self._with_data[trial.number] = trial
                self._curves[trial.number] = self._curves_of(trial)
        if news:
            self._attach([row for number in news for row in self._curve_rows(number)])
            self._attach(self._rows(self._affected(news)))
        thresholds = self._thresholds_now()
        if thresholds != self._thresholds:
            self._thresholds = thresholds
            self._configure_goals()
            compat.forget_model(self.client)

    def propose(self) -> Suggestion:
        """A point of the strategy's, pending from now on. Raises whatever Ax and its models raise."""
        ((index, parameterization),) = self.client.get_next_trials(max_trials=1).items()
        run = self._ax_trials[index].generator_run
        node = compat.node_name(run)
        if self._ax_space.conditional:
            compat.forget_inactive_parameters(run)
        point = self._ax_space.decode(parameterization)
        key = self._ax_space.space.identity(point)
        if key in self._known:
            self.client.mark_trial_abandoned(index)
            compat.set_node_name(self._ax_trials[index], None)  # which would otherwise count it
        else:
            self._proposed[key] = index
        return Suggestion(point, generator_of(node))

    def fit(self) -> Any:
        """Ax's adapter of the model, fitted to all data; its metrics are called as in ``values``."""
        (spec,) = compat.strategy_of(self.client).nodes_by_name["MBM"].generator_specs
        spec.fit(experiment=compat.experiment_of(self.client))
        return spec.fitted_adapter

    def number_of(self, index: int) -> int:
        """The trial that Ax counts as its ``index``-th."""
        return next(number for number, known in self._indices.items() if known == index)

    def save(self, path: Path) -> None:
        """Write Ax's own JSON snapshot, which ``Client.load_from_json_file`` reads without ax_mo.

        Without the strategy, for whose model Ax has no words: what loads the file chooses its own. The experiment's
        description says which alias stands for which objective or constraint.
        """
        names = [
            f"{self.alias(i)} = {_ax_name(o)} ({o.direction if o.target is not None else o.goal})"
            for i, o in enumerate(self._goals.objectives)
        ]
        names += [f"c{i} <= {c.bound:g} is {c.text}" for i, c in enumerate(self._goals.constraints)]
        compat.experiment_of(self.client).description = "; ".join(names)
        compat.drop_strategy(self.client)
        self.client.save_to_json_file(str(path))

    def values(self, metrics: Mapping[str, float], around: Mapping[str, float] | None = None) -> dict[str, float]:
        """A trial's metrics by alias: one per objective, and one per constraint, as far as they are known.

        Objectives are on their scale, ``around`` the means of the trial's repeats where this is one of them.
        A constraint over several metrics is given to Ax as one metric, their weighted sum: with the sum written out
        in the constraint, Ax 1.3.1 took feasible trials for infeasible.
        """
        around = around or metrics
        known = {
            self.alias(i): self._position(o, float(metrics[o.name]), float(around[o.name]))
            for i, o in enumerate(self._goals.objectives)
            if o.name in metrics and o.scale.has(around[o.name])  # also a curve may go through zero
        }
        for i, constraint in enumerate(self._goals.constraints):
            if all(name in metrics for name in constraint.names):
                known[f"c{i}"] = sum(weight * float(metrics[name]) for name, weight in constraint.terms)
        return known

    def alias(self, index: int) -> str:
        """What Ax calls the objective at that place."""
        return alias_of(index, self._goals.objectives[index] if self._own_model else None)

    def _position(self, objective: Objective, value: float, around: float | None = None) -> float:
        """The value on the objective's scale; with a target, the difference from it, or its size for others' models."""
        if objective.target is None:
            return objective.scale.position(value, around)
        return value - objective.target if self._own_model else objective.distance(value)

    @property
    def _ax_trials(self) -> Any:
        return compat.experiment_of(self.client).trials

    def _ax_trial(self, number: int) -> Any:
        return self._ax_trials[self._indices[number]]

    def _add(self, trial: Trial) -> None:
        """Make the trial one of Ax's, pending, unless it is."""
        if trial.number not in self._indices:
            key = self._ax_space.space.identity(trial.point)
            index = self._proposed.pop(key, None)
            if index is None:
                index = self.client.attach_trial(parameters=self._ax_space.encode(trial.point))
                if not self._own_model:
                    compat.set_node_name(self._ax_trials[index], _NODES.get(trial.generator, trial.generator))
            self._indices[trial.number] = index
            self._known.add(key)

    def _has_data(self, trial: Trial) -> bool:
        """Not where a trial was stopped before each goal had a value."""
        if trial.status is not Status.EARLY_STOPPED:
            return trial.status.has_metrics
        return all(name in sample for sample in trial.observations for name in self._goals.required)

    def _affected(self, news: Container[int]) -> list[int]:
        """The trials whose data change with these: stopped ones are judged anew by each that was not.

        Where some trials have a spread, the others are given one that depends on what is known of all.
        """
        noisy = any(len(trial.observations) > 1 for trial in self._with_data.values())
        return [
            number
            for number, trial in self._with_data.items()
            if noisy or number in news or trial.status is Status.EARLY_STOPPED
        ]

    def _attach(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Give Ax data; what it had of the same trials, metrics and steps is replaced."""
        from ax.core.data import Data
        from pandas import DataFrame

        if rows:
            compat.experiment_of(self.client).attach_data(Data(df=DataFrame(rows)))

    def _rows(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """The results of these trials: means, with the standard errors of repeats."""
        in_rungs = self._expected_of_rungs()
        data = {
            number: [
                {**self.values(sample, trial.metrics), **(in_rungs.get(number) or self._expected(number))}
                for sample in trial.observations
            ]
            for number, trial in ((number, self._with_data[number]) for number in numbers)
        }
        spreads = _pooled_deviations(list(data.values()))
        rows: list[dict[str, Any]] = []
        for number, samples in data.items():
            for name, mean in means(samples).items():
                error = standard_error([sample[name] for sample in samples])
                if error is None:
                    error = spreads.get(name, math.nan)
                rows.append({**self._row(number, name), "mean": mean, "sem": error})
        return rows

    def _curve_rows(self, number: int) -> list[dict[str, Any]]:
        """A trial's curves, thinned out, with the step as progression."""
        curves = self._curves[number]
        return [
            {**self._row(number, name), "mean": mean, "sem": math.nan, "step": step}
            for name, curve in curves.items()
            for step, mean in thinned(
                list(zip(curve.steps, curve.values, strict=True)), _MOST_CURVE_POINTS // len(curves)
            )
        ]

    def _row(self, number: int, name: str) -> dict[str, Any]:
        of_trial = {"trial_index": self._indices[number], "arm_name": self._ax_trial(number).arm.name}
        return {**of_trial, "metric_name": name, "metric_signature": name}

    def _curves_of(self, trial: Trial) -> dict[str, Curve]:
        """The curves of the goals whose metrics are on the trial's, by alias."""
        steps: dict[str, list[int]] = {}
        values: dict[str, list[float]] = {}
        for point in self._curve_of(trial):
            for name, value in self.values(point.metrics).items():
                steps.setdefault(name, []).append(point.step)
                values.setdefault(name, []).append(value)
        return {name: Curve(steps[name], values[name]) for name in steps}

    def _expected_of_rungs(self) -> dict[int, dict[str, float]]:
        """What the trials that train in rungs would have come to, by number and alias."""
        trials = {number: trial for number, trial in self._with_data.items() if trial.rungs and self._impute}
        values = [[self.values(rung.metrics) for rung in trial.rungs] for trial in trials.values()]
        return dict(zip(trials, expected_at_highest(values), strict=True))

    def _expected(self, number: int) -> dict[str, float]:
        """What a stopped trial would have come to, by alias, as far as its curve and those of others tell."""
        if not self._impute or self._with_data[number].status is not Status.EARLY_STOPPED:
            return {}
        expected: dict[str, float] = {}
        for name, curve in self._curves[number].items():
            completed = (
                (self._curves[other][name], self.values(trial.metrics)[name])
                for other, trial in self._with_data.items()
                if trial.status is not Status.EARLY_STOPPED and name in self._curves[other]
            )
            final = expected_final(curve.steps[-1], curve.values[-1], completed)
            if final is not None:
                expected[name] = final
        return expected

    def _configure_goals(self) -> None:
        """Tell Ax the objectives with their thresholds, and the constraints."""
        goals = self._goals
        objective = ", ".join(f"{'' if o.maximize else '-'}{self.alias(i)}" for i, o in enumerate(goals.objectives))
        bounds = [f"c{i} <= {constraint.bound!r}" for i, constraint in enumerate(goals.constraints)]
        for i, o in enumerate(goals.objectives):
            if o.name in self._thresholds:
                bounds.append(f"{self.alias(i)} {'>=' if o.maximize else '<='} {self._thresholds[o.name]!r}")
        self.client.configure_optimization(objective=objective, outcome_constraints=bounds)

    def _thresholds_now(self) -> dict[str, float]:
        """By objective, on its scale; where only some have a threshold, the others get the worst value so far.

        Ax 1.3.1 infers missing thresholds itself, but fails with "cannot convert float NaN to integer" when some are
        given and no trial meets the constraints yet.
        """
        objectives = self._goals.objectives
        given = {o.name: o.bounds[0] for o in objectives if o.bounds}
        # Of a metric with a target, Ax would take the largest for the worst.
        if len(objectives) == 1 or not (given or any(o.target is not None for o in objectives)):
            return {}
        measured = [trial.metrics for trial in self._with_data.values() if trial.status.has_metrics]
        worst = {o.name: o.worst([metrics[o.name] for metrics in measured]) for o in objectives if measured}
        known = {**worst, **given}
        return {
            o.name: self._position(o, known[o.name]) if o.target is None else o.distance(known[o.name])
            for o in objectives
            if o.name in known
        }


def alias_of(index: int, objective: Objective | None) -> str:
    """Ax's name of the objective at that place: ``m0`` or, for one that our model knows by its difference, ``t0``."""
    return f"m{index}" if objective is None or objective.target is None else f"t{index}"


def is_difference(alias: str) -> bool:
    """Whether what Ax knows by this name is a difference from a target."""
    return alias.startswith("t")


def _ax_name(objective: Objective) -> str:
    return f"log10({objective.name})" if objective.is_log else objective.of_distance.name


def generator_of(node: str) -> str:
    """What studies call the trials of one of Ax's nodes."""
    return _GENERATORS.get(node, node)[:_LONGEST_GENERATOR]


def _pooled_deviations(trials: Sequence[Sequence[Mapping[str, float]]]) -> dict[str, float]:
    """For each metric, the root mean square of the standard deviations of all trials with several repeats.

    What a single run is worth next to them: Ax 1.3.1 refuses a metric whose uncertainty is known in some trials only.
    """
    squares: dict[str, list[float]] = {}
    for samples in trials:
        for name in samples[0]:
            spread = deviation([sample[name] for sample in samples])
            if spread is not None:
                squares.setdefault(name, []).append(spread**2)
    return {name: math.sqrt(sum(values) / len(values)) for name, values in squares.items()}
