"""Ask and tell: the one module that talks to Ax.

Ax is used through its public ``Client``, in memory. It is imported when the model's turn comes: quasi-random points
need nothing of it. Everything here but ``know`` and ``quasi_random`` runs on one thread (``ax_mo.optimizer.async_``).
"""

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ax_mo.core.curve import Curve, thinned
from ax_mo.core.objectives import Goals
from ax_mo.core.repeats import deviation, means, standard_error
from ax_mo.core.trial import Point, Status, Suggestion, Trial
from ax_mo.early_stopping.imputation import expected_final
from ax_mo.optimizer.ax_space import AxSpace
from ax_mo.optimizer.compat import check_client, never_compile_kernels, node_name
from ax_mo.optimizer.untried import UntriedPoints
from ax_mo.search_space.sample import whole_imports
from ax_mo.search_space.space import PointIdentity, SearchSpace
from ax_mo.trial.curve import CurvePoint

_GENERATORS = {"Sobol": "sobol", "MBM": "model"}

# Trials before the model, unless the user says otherwise: Ax's own number.
_STARTUP_TRIALS = 5

# A model that keeps proposing what was tried already has converged; Sobol points are then worth more.
_MOST_REPEATS = 3

# Of each trial's curves, all together: each tell goes through all rows of the study, and no model reads them.
_MOST_CURVE_POINTS = 300

# How hard the acquisition function is searched. Ax's own 20 and 1024 take most of a suggestion's time.
_SEARCH_EFFORT = {"num_restarts": 4, "raw_samples": 256}


class AxOptimizer:
    """Suggests points for a space and learns from what became of them.

    ``seed`` fixes the quasi-random sequence and every draw of the model, so that the same sequence of asks and
    tells gives the same suggestions. The points of ``first`` are suggested before all others. ``n_trials``, where it is
    known, tells whether the model will have its turn.
    """

    def __init__(
        self,
        space: SearchSpace,
        goals: Goals,
        seed: int,
        n_startup_trials: int | None = None,
        method: str = "fast",
        torch_threads: int = 1,
        first: Sequence[Suggestion] = (),
        estimates: bool = True,
        n_trials: int | None = None,
    ) -> None:
        self._space = space
        self._goals = goals
        self._seed = seed
        self._startup_trials = _STARTUP_TRIALS if n_startup_trials is None else n_startup_trials
        self._n_trials = n_trials
        self._method = method
        self._torch_threads = torch_threads
        self._ax_space = AxSpace(space)
        self._untried = UntriedPoints(space, seed, first)
        self._worst: dict[str, float] = {}  # of objectives without a threshold
        self._samples: dict[int, tuple[Mapping[str, float], ...]] = {}  # by trial, one per repeat
        self._estimates = estimates
        self._stopped: set[int] = set()  # early, those of _samples
        self._curves: dict[int, dict[str, Curve]] = {}  # by trial and Ax's metric
        self._ax: Any = None
        self._later: list[Callable[[], None]] = []  # what Ax is to be told, once it is there
        self._begun: set[int] = set()  # trials that have not failed
        self._observed: set[int] = set()  # those that completed
        self._indices: dict[int, int] = {}  # trial number -> Ax's trial index
        self._proposed: dict[PointIdentity, int] = {}  # a proposed point -> Ax's index, until it gets a number

    def know(self, trials: Sequence[Trial]) -> None:
        """These trials' points are taken. Costs next to nothing, so that it is true before ``start`` has begun."""
        self._untried.know(trials)

    def start(self, trials: Sequence[Trial] = (), curves: Mapping[int, Sequence[CurvePoint]] | None = None) -> None:
        """Go on from where ``trials``, with their ``curves``, left the study."""
        self.know(trials)
        for trial in trials:
            if trial.status is not Status.FAILED:
                self._begun.add(trial.number)
            if trial.status.has_metrics and trial.status is not Status.EARLY_STOPPED:
                self._observed.add(trial.number)
        self._tell_ax(lambda: self._restore(trials, {} if curves is None else curves))

    def prepare(self) -> None:
        """Import Ax, which takes seconds, unless the study ends before the model's turn."""
        if self._method != "random_search" and (self._n_trials is None or self._n_trials > self._startup_trials):
            _import_ax()

    @property
    def _client(self) -> Any:
        """Ax's, which is imported when it is first needed, and has been told everything then."""
        if self._ax is None:
            Client = _import_ax()
            check_client(Client)
            never_compile_kernels()
            self._ax = Client(random_seed=self._seed)
            self._ax.configure_experiment(
                parameters=self._ax_space.configs(), parameter_constraints=self._ax_space.constraints()
            )
            self._configure_goals()
            self._ax.set_generation_strategy(self._strategy())
            _quiet()
            for call in self._later:
                call()
            self._later.clear()
        return self._ax

    def _tell_ax(self, call: Callable[[], None]) -> None:
        """Now, or as soon as it is there."""
        if self._ax is None:
            self._later.append(call)
        else:
            call()

    def ask(self) -> Suggestion:
        """The next point; a trial that is still running counts as pending. Raises SpaceExhausted or NoNewPoint."""
        named = self._untried.named()
        if named is not None:
            return named
        if not self._is_models_turn:
            return self._untried.startup()
        for _ in range(_MOST_REPEATS):
            suggestion = self._propose()
            if suggestion is None:
                break
            if self._untried.take(suggestion.point):
                return suggestion
            self._client.mark_trial_abandoned(self._proposed.pop(self._space.identity(suggestion.point)))
        return self.quasi_random()

    def quasi_random(self) -> Suggestion:
        """A point that no model was asked for; may be called while ``ask`` runs.

        Raises SpaceExhausted, or NoNewPoint where the constraints leave nothing that can be found.
        """
        return self._untried.quasi_random()

    @property
    def _is_models_turn(self) -> bool:
        """As Ax itself decides it: enough trials have not failed, and half as many have completed."""
        least = self._startup_trials
        enough = len(self._begun) >= least and len(self._observed) >= max(1, least // 2)
        return enough and self._method != "random_search"

    def save(self, path: Path) -> None:
        """Write Ax's own JSON snapshot, which ``Client.load_from_json_file`` reads without ax_mo.

        Without the strategy of a conditional space, whose kernel Ax has no words for: what loads the file chooses
        its own. Objectives are called ``m0``, ``m1``, ... and constraints ``c0``, ...; the experiment's description
        says which is which.
        """
        client, goals = self._client, self._goals
        names = [f"m{i} = {o.name} ({o.goal})" for i, o in enumerate(goals.objectives)]
        names += [f"c{i} <= {c.bound:g} is {c.text}" for i, c in enumerate(goals.constraints)]
        client._experiment.description = "; ".join(names)
        if self._ax_space.conditional:
            client._maybe_generation_strategy = None
        client.save_to_json_file(str(path))

    def assign(self, number: int, point: Point) -> None:
        """The point is now trial ``number``."""
        self._begun.add(number)
        self._tell_ax(lambda: self._assign(number, point))

    def _assign(self, number: int, point: Point) -> None:
        index = self._proposed.pop(self._space.identity(point), None)
        if index is None:
            index = self._client.attach_trial(parameters=self._ax_space.encode(point))
        self._indices[number] = index

    def tell(self, number: int, samples: Sequence[Mapping[str, float]], curve: Sequence[CurvePoint] = ()) -> None:
        """Trial ``number`` completed with these metrics, one set per repeat; those that are no goal are left out.

        ``curve`` is how they came about: data with a progression, of which Ax's model takes the last, ``samples``.
        """
        self._observed.add(number)
        self._tell_ax(lambda: self._tell(number, samples, curve))

    def _tell(self, number: int, samples: Sequence[Mapping[str, float]], curve: Sequence[CurvePoint]) -> None:
        self._client._experiment.trials[self._indices[number]].mark_completed()
        self._samples[number] = tuple(samples)
        self._keep_curve(number, curve)
        self._attach_rows(self._curve_rows(number))
        # A stopped trial is judged anew by each one that was not.
        self._attach(list(self._samples) if self._is_noisy() else [*self._stopped, number])
        if self._note_worst(means(samples)):
            self._configure_goals()

    def stop(
        self, number: int, samples: Sequence[Mapping[str, float]], curve: Sequence[CurvePoint] = (), reason: str = ""
    ) -> None:
        """Trial ``number`` was stopped early with these metrics, its last: no data where one of a goal is missing.

        Its ``curve`` reaches Ax as it is. In place of the last values, the model is given what comparable trials came
        to (``estimates``; see ``ax_mo.early_stopping.imputation``). Ax shows the ``reason`` as the trial's
        ``status_reason``.
        """
        self._tell_ax(lambda: self._stop(number, samples, curve, reason))

    def _stop(
        self, number: int, samples: Sequence[Mapping[str, float]], curve: Sequence[CurvePoint], reason: str
    ) -> None:
        if self._mark_stopped(number, samples, reason):
            self._keep_curve(number, curve)
            self._attach_rows(self._curve_rows(number))
            self._attach(list(self._samples) if self._is_noisy() else [number])

    def fail(self, number: int) -> None:
        """Trial ``number`` has no data. Abandoned, in Ax's terms, so that the same point is not proposed again."""
        self._begun.discard(number)
        self._tell_ax(lambda: self._fail(number))

    def _fail(self, number: int) -> None:
        self._client.mark_trial_abandoned(self._indices[number])

    def fit(self) -> Any:
        """Ax's adapter of the model, fitted to all that was told, whether or not its turn to suggest has come.

        Its metrics are called as in ``data_of``. Raises what Ax and BoTorch raise when there is too little data.
        """
        (spec,) = self._client._generation_strategy.nodes_by_name["MBM"].generator_specs
        with limited_threads(self._torch_threads):
            spec.fit(experiment=self._client._experiment)
        return spec.fitted_adapter

    def number_of(self, index: int) -> int:
        """The trial that Ax counts as its ``index``-th."""
        return next(number for number, known in self._indices.items() if known == index)

    def _restore(self, trials: Sequence[Trial], curves: Mapping[int, Sequence[CurvePoint]]) -> None:
        """Attach what is known in one go: Ax takes 10 ms for each trial that is completed on its own."""
        for trial in trials:
            self._assign(trial.number, trial.point)
            if trial.status is Status.FAILED:
                self._fail(trial.number)
            elif trial.status is Status.EARLY_STOPPED:
                self._mark_stopped(trial.number, trial.observations, trial.reason or "")
            elif trial.status.has_metrics:
                self._client._experiment.trials[self._indices[trial.number]].mark_completed()
                self._samples[trial.number] = trial.observations
                self._note_worst(trial.metrics)
        if self._samples:
            for number in self._samples.keys() & curves.keys():
                self._keep_curve(number, curves[number])
            self._attach_rows([row for number in self._curves for row in self._curve_rows(number)])
            self._attach(list(self._samples))
            self._configure_goals()

    def _is_noisy(self) -> bool:
        """Where some trials have a spread, the others are given one that depends on what is known of all."""
        return any(len(known) > 1 for known in self._samples.values())

    def _mark_stopped(self, number: int, samples: Sequence[Mapping[str, float]], reason: str) -> bool:
        """Mark a trial as stopped early. Whether there is data of it: a point without a goal's value is none."""
        trial = self._client._experiment.trials[self._indices[number]]
        # Unsafe: Ax would see the data first, and the repeats' uncertainty depends on all trials.
        trial.mark_early_stopped(reason=reason or None, unsafe=True)
        if not all(name in sample for sample in samples for name in self._goals.required):
            return False
        self._samples[number] = tuple(samples)
        self._stopped.add(number)
        return True

    def _attach(self, numbers: Sequence[int]) -> None:
        """Give Ax the data of these trials; what it had of them before is replaced."""
        data = {
            number: [{**self.data_of(sample), **self._expected(number)} for sample in self._samples[number]]
            for number in numbers
        }
        spreads = _pooled_deviations(list(data.values()))
        rows: list[dict[str, Any]] = []
        for number in numbers:
            index = self._indices[number]
            of_trial = {"trial_index": index, "arm_name": self._client._experiment.trials[index].arm.name}
            for name, mean in means(data[number]).items():
                error = standard_error([sample[name] for sample in data[number]])
                if error is None:
                    error = spreads.get(name, math.nan)
                rows.append({**of_trial, "metric_name": name, "metric_signature": name, "mean": mean, "sem": error})
        self._attach_rows(rows)

    def _keep_curve(self, number: int, points: Sequence[CurvePoint]) -> None:
        """Keep the curves of the goals whose metrics are on it."""
        steps: dict[str, list[int]] = {}
        values: dict[str, list[float]] = {}
        for point in points:
            for name, value in self.data_of(point.metrics).items():
                steps.setdefault(name, []).append(point.step)
                values.setdefault(name, []).append(value)
        self._curves[number] = {name: Curve(steps[name], values[name]) for name in steps}

    def _expected(self, number: int) -> dict[str, float]:
        """What a stopped trial would have come to, by metric, as far as its curve and those of others tell."""
        if number not in self._stopped or not self._estimates:
            return {}
        expected: dict[str, float] = {}
        for name, curve in self._curves.get(number, {}).items():
            completed = (
                (of_other[name], means([self.data_of(sample) for sample in self._samples[other]])[name])
                for other, of_other in self._curves.items()
                if other not in self._stopped and name in of_other
            )
            final = expected_final(curve.steps[-1], curve.values[-1], completed)
            if final is not None:
                expected[name] = final
        return expected

    def _curve_rows(self, number: int) -> list[dict[str, Any]]:
        """A trial's curves, thinned out, with the step as progression."""
        index = self._indices[number]
        of_trial = {"trial_index": index, "arm_name": self._client._experiment.trials[index].arm.name, "sem": math.nan}
        curves = self._curves[number]
        return [
            {**of_trial, "metric_name": name, "metric_signature": name, "mean": mean, "step": step}
            for name, curve in curves.items()
            for step, mean in thinned(
                list(zip(curve.steps, curve.values, strict=True)), _MOST_CURVE_POINTS // len(curves)
            )
        ]

    def _attach_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        from ax.core.data import Data
        from pandas import DataFrame

        if rows:
            self._client._experiment.attach_data(Data(df=DataFrame(rows)))

    def _propose(self) -> Suggestion | None:
        """One point from Ax; None when it has none to give."""
        client = self._client
        from ax.exceptions.core import DataRequiredError, SearchSpaceExhausted
        from ax.exceptions.generation_strategy import (
            GenerationStrategyRepeatedPoints,
            MaxParallelismReachedException,
        )

        try:
            with limited_threads(self._torch_threads):
                ((index, parameterization),) = client.get_next_trials(max_trials=1).items()
        except (
            SearchSpaceExhausted,
            GenerationStrategyRepeatedPoints,
            MaxParallelismReachedException,
            DataRequiredError,
        ):
            return None
        except (RuntimeError, ValueError, ArithmeticError, NotImplementedError) as error:
            # Numerical trouble in a model must not end a study that has other points to try.
            logging.getLogger(__name__).warning(
                "The model could not suggest a point (%s: %s); taking a quasi-random one.",
                type(error).__name__,
                str(error).splitlines()[0] if str(error) else "",
            )
            return None
        run = client._experiment.trials[index].generator_run
        node = node_name(run)
        if self._ax_space.conditional:
            # What Ax 1.3.1 drew for inactive parameters, and would fill them with later; a resume does not know it.
            run._candidate_metadata_by_arm_signature = None
        point = self._ax_space.decode(parameterization)
        self._proposed[self._space.identity(point)] = index
        return Suggestion(point, _GENERATORS.get(node, node))

    def _strategy(self) -> Any:
        """Ax's default strategy for the method; its quasi-random step serves those who load what ``save`` wrote."""
        from ax.api.utils.generation_strategy_dispatch import choose_generation_strategy
        from ax.api.utils.structs import GenerationStrategyDispatchStruct

        strategy = choose_generation_strategy(
            GenerationStrategyDispatchStruct(
                method=self._method,
                initialization_budget=self._startup_trials,
                initialization_random_seed=self._seed,
                initialize_with_center=False,
                use_existing_trials_for_initialization=True,
                min_observed_initialization_trials=None,
                # Otherwise Ax refuses to suggest while more workers wait than the initialization has trials.
                allow_exceeding_initialization_budget=True,
                torch_device=None,
                simplify_parameter_changes=False,
            )
        )
        for node in strategy.nodes_by_name.values():
            for spec in node.generator_specs:
                if node.name == "Sobol":
                    spec.generator_kwargs["init_position"] = self._untried.position
                elif node.name == "MBM" and self._method == "fast":
                    spec.generator_gen_kwargs["model_gen_options"] = {"optimizer_kwargs": dict(_SEARCH_EFFORT)}
                    if self._ax_space.conditional:
                        from ax_mo.optimizer.conditional_kernel import surrogate_spec

                        spec.generator_kwargs["surrogate_spec"] = surrogate_spec(self._ax_space)
        return strategy

    def _configure_goals(self) -> None:
        """Tell Ax the objectives; metrics go by aliases, since Ax parses their names with SymPy."""
        goals = self._goals
        objective = ", ".join(f"{'' if o.maximize else '-'}m{i}" for i, o in enumerate(goals.objectives))
        bounds = [f"c{i} <= {constraint.bound!r}" for i, constraint in enumerate(goals.constraints)]
        if len(goals.objectives) > 1:
            for i, o in enumerate(goals.objectives):
                threshold = self._worst.get(o.name) if o.threshold is None else o.threshold
                if threshold is not None:
                    bounds.append(f"m{i} {'>=' if o.maximize else '<='} {threshold!r}")
        self._client.configure_optimization(objective=objective, outcome_constraints=bounds)

    def _note_worst(self, metrics: Mapping[str, float]) -> bool:
        """Where only some objectives have a threshold, the others get the worst value observed so far.

        Returns whether that has changed. Ax 1.3.1 infers missing thresholds itself, but fails with "cannot convert
        float NaN to integer" when some are given and no trial meets the constraints yet.
        """
        missing = [o for o in self._goals.objectives if o.threshold is None]
        if len(missing) == len(self._goals.objectives):
            return False
        before = dict(self._worst)
        for o in missing:
            value = metrics[o.name]
            if o.name not in self._worst or o.better(self._worst[o.name], value):
                self._worst[o.name] = value
        return before != self._worst

    def data_of(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """A trial's metrics in Ax's names: one per objective, and one per constraint, as far as they are known.

        A constraint over several metrics is given to Ax as one metric, their weighted sum: with the sum written out
        in the constraint, Ax 1.3.1 took feasible trials for infeasible.
        """
        data = {f"m{i}": float(metrics[o.name]) for i, o in enumerate(self._goals.objectives) if o.name in metrics}
        for i, constraint in enumerate(self._goals.constraints):
            if all(name in metrics for name in constraint.names):
                data[f"c{i}"] = sum(weight * float(metrics[name]) for name, weight in constraint.terms)
        return data


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


def _import_ax() -> Any:
    """Ax's Client."""
    _quiet()
    with whole_imports:
        from ax.api.client import Client

    return Client


def _quiet() -> None:
    """No log lines or numerical warnings of the optimizer's libraries on the user's screen."""
    for name in ("ax", *logging.root.manager.loggerDict):  # Ax gives each of its loggers a level of its own
        if name.split(".")[0] in ("ax", "botorch", "gpytorch", "linear_operator"):
            logging.getLogger(name).setLevel(logging.ERROR)
    # Ax 1.3.1 logs a line about its SQL storage while it is imported, at a level it sets itself.
    storage = logging.getLogger("ax.storage.sqa_store.with_db_settings_base")
    if not storage.filters:
        storage.addFilter(lambda record: record.levelno >= logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(ax|botorch|gpytorch|linear_operator|pyro|torch)(\.|$)")


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """torch's intra-op threads inside the block: on a machine that also runs the trials, more is slower."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        # SciPy's line searches and factorizations have a BLAS with threads of its own.
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)
