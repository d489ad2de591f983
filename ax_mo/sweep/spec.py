"""All that was asked for, checked: what to search in which project, with which settings, kept in which database."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ax_mo.core.objectives import Goals, doubts, parse_goals
from ax_mo.core.repeats import Repeats
from ax_mo.core.stop_reason import StopReason
from ax_mo.core.trial import Suggestion, Value
from ax_mo.core.urls import sqlite_url
from ax_mo.early_stopping.rules import StoppingRule
from ax_mo.early_stopping.settings import parse_early_stopping, parse_successive_halving
from ax_mo.early_stopping.successive_halving import SuccessiveHalving
from ax_mo.errors import ConfigError, StudyLost, closest
from ax_mo.hydra_project.hydra_node import job_name_of
from ax_mo.hydra_project.overrides import bare
from ax_mo.hydra_project.program import Program, how_to_resume
from ax_mo.hydra_project.project import COMPOSE_ERRORS, Project, all_keys, has_key, reason
from ax_mo.hydra_project.settings import check_bounds, parse_block
from ax_mo.optimizer.protocol import OPTIMIZERS, Optimizer, OptimizerOptions
from ax_mo.optimizer.untried import UntriedPoints
from ax_mo.search_space.build import BuiltSpace, build_space
from ax_mo.search_space.config_metrics import config_metrics
from ax_mo.search_space.entries import without_respelled
from ax_mo.search_space.space import SearchSpace
from ax_mo.search_space.start import config_point, initial_points, own_values, samples
from ax_mo.storage.definition import Definition, StoredStudy, described_goals
from ax_mo.storage.dump import rebuild_hint
from ax_mo.storage.snapshot import curve_of, describe_study
from ax_mo.storage.store import check_can_open
from ax_mo.storage.sweep_directory import STUDY
from ax_mo.sweep.settings import Settings, ignored_sampler
from ax_mo.trackers import parse_trackers
from ax_mo.trial.metric_sources.settings import parse_metric_sources
from ax_mo.trial.numbers import as_json
from ax_mo.warm_start.reader import distinct, entries_of, read_source
from ax_mo.warm_start.report import Import

# Settings that a study's readers are told.
_TOLD = (
    "n_trials", "n_jobs", "method", "seed", "repeats", "repeat_key", "max_failure_rate", "max_same_failures",
    "early_stopping",
    "timeout_hours", "stop_when", "n_startup_trials", "start_from_config", "metrics",
    "generation_strategy",
)  # fmt: skip


_OF_ONE_RUN = frozenset({"trial_seconds", "fit_seconds"})
_NOT_OF_RUNGS = "the rungs set it, so take it out of hydra.sweeper.params."


@dataclass(frozen=True)
class StopWhen:
    """The study ends when ``over_trials`` trials have enlarged the hypervolume by ``hypervolume_gain`` or less.

    ``hypervolume_gain`` is a share of the hypervolume before them: 0.01 is 1 %.
    """

    hypervolume_gain: float = 0.01
    over_trials: int = 15


@dataclass(frozen=True)
class Plan:
    """What a study is going to do: the space and the goals, the points to try first, and the trials known before."""

    space: SearchSpace
    goals: Goals
    repeats: Repeats
    first: tuple[Suggestion, ...] = ()
    imports: tuple[Import, ...] = ()
    remarks: tuple[str, ...] = ()
    """Sentences on what is allowed but may not be meant."""
    early_stopping: StoppingRule | None = None
    stop_when: StopWhen | None = None
    halving: SuccessiveHalving | None = None
    """The rungs in which trials train, where they do."""


@dataclass(frozen=True)
class StudySpec:
    """What to search in which project, with which settings, and where the study is kept."""

    settings: Settings
    plan: Plan
    project: Project
    program: Program | None
    """How to start the user's program again; None where a launcher has no need of it."""
    sweep_dir: Path
    config: DictConfig
    """The sweep's own, Hydra's node included."""

    @property
    def default_name(self) -> str:
        """What a study is called in a database that may hold others."""
        return f"{job_name_of(self.config)}:{self.sweep_dir}"

    @property
    def database(self) -> tuple[str, str]:
        """The URL of the study's database, and its name there."""
        settings = self.settings
        if settings.storage is None:
            return sqlite_url(self.sweep_dir / STUDY), settings.study_name or "study"
        return settings.storage, settings.study_name or self.default_name

    def check_database(self, to_run: bool) -> None:
        """Raises ConfigError where a study was and its database is gone, or is another one than this; changes nothing.

        ``to_run``: AxMoError where a sweeper of another machine runs it at this moment.
        """
        if self.settings.storage is None and not (self.sweep_dir / STUDY).exists():
            hint = rebuild_hint(self.sweep_dir) if self.sweep_dir.is_dir() else ""
            if hint:
                raise ConfigError(
                    f"{self.sweep_dir} holds a study whose {STUDY} is gone.{hint} For a new study, choose another "
                    "hydra.sweep.dir."
                )
        with suppress(StudyLost):  # whoever opens it says so, and what to do
            check_can_open(self.database[0], self.as_stored, to_run)

    @property
    def as_stored(self) -> StoredStudy:
        """The study as it is to be found in its database or, without runs and a seed, created there."""
        goals, space = self.plan.goals, self.plan.space
        rungs = {} if self.plan.halving is None else self.plan.halving.describe()
        params = {**space.describe(), **self.plan.repeats.describe(), **rungs}
        # The directory's own database: whatever the directory is called now, this is its study.
        sweep_dir = "" if self.settings.storage is None else str(self.sweep_dir)
        return StoredStudy(self.database[1], sweep_dir, Definition(params, described_goals(goals), space.fixed))

    def description(self, stop_reason: StopReason | None = None) -> dict[str, Any]:
        """What the study's readers are told of it."""
        settings = self.settings
        kept = {name: as_json(value) for name in _TOLD if (value := getattr(settings, name)) is not None}
        return describe_study(self.plan.space, self.plan.goals, kept, self.program, stop_reason)

    @property
    def how_to_resume(self) -> str:
        """The command that resumes the study; in words where the program cannot be started again."""
        return how_to_resume(self.program, self.sweep_dir)

    @property
    def resume_line(self) -> str:
        """The same with what it is."""
        return f"ax_mo: to resume{',' if self.program is None else ':'} {self.how_to_resume}"

    def optimizer(self, seed: int) -> Optimizer:
        """What ``hydra.sweeper.method`` names, for a study with this seed."""
        settings = self.settings
        options = OptimizerOptions(
            settings.method,
            settings.n_startup_trials,
            settings.n_trials + sum(len(found.trials) for found in self.plan.imports),
            settings.torch_threads,
            partial(curve_of, self.sweep_dir),
            settings.generation_strategy,
        )
        made: Optimizer = OPTIMIZERS.load(settings.method, "hydra.sweeper.method")(
            self.plan.space, self.plan.goals, seed, options
        )
        return made

    def points(self, seed: int) -> UntriedPoints:
        """The points of a new study with this seed, the initial trials first."""
        return UntriedPoints(self.plan.space, seed, self.plan.first)

    def own_point(self) -> Mapping[str, Value]:
        """The values of the project's own configuration, also where they lie outside the space."""
        try:
            return own_values(self.plan.space, self.project)
        except COMPOSE_ERRORS:
            return {}

    def environment_given(self) -> dict[str, str]:
        """What the user's configuration sets in the environment of every trial."""
        given: dict[str, str] = {}
        for key in ("hydra.launcher.env", "hydra.job.env_set"):
            node = OmegaConf.select(self.config, key)
            values = OmegaConf.to_container(node, resolve=False) if OmegaConf.is_dict(node) else {}
            assert isinstance(values, dict)
            given.update({str(name): str(value) for name, value in values.items()})
        return given

    def nothing_to_try(self) -> ConfigError:
        """Why there is not one point to run, nor one that was imported."""
        texts = " and ".join(f"'{constraint.text}'" for constraint in self.plan.space.constraints)
        return ConfigError(f"hydra.sweeper.param_constraints: no point of the space was found that meets {texts}.")


def make_plan(settings: Settings, arguments: Sequence[str], project: Project, resuming: bool = False) -> Plan:
    """Raises ConfigError with the key that is wrong.

    When ``resuming``, an earlier study that is gone since is no error: its trials are in this one's database.
    """
    left_out = project.left_out()
    if left_out is None:
        return _plan(settings, arguments, project, resuming)
    try:
        plan = _plan(settings, arguments, project, resuming)
    except ConfigError as error:
        raise ConfigError(f"{left_out} Without it, {error}") from None
    return replace(plan, remarks=(left_out, *plan.remarks))


def _plan(settings: Settings, arguments: Sequence[str], project: Project, resuming: bool) -> Plan:
    built = _built(settings, arguments, project)
    space = built.space
    goals = parse_goals(settings.objectives, settings.direction, settings.constraints, space.keys, settings.scalarize)
    early_stopping = parse_early_stopping(settings.early_stopping, goals)
    halving = parse_successive_halving(settings.early_stopping, settings.repeats)
    if halving is not None:
        _check_rungs(halving, space, project)
    _check_sources(settings, project)
    config_metrics(settings.metrics, goals.required).check(space, project)
    parse_trackers(settings.trackers)
    if settings.generation_strategy is not None:
        from ax_mo.optimizer.generation_strategy import check_strategy  # imports Ax

        check_strategy(settings.generation_strategy, settings.method, settings.n_startup_trials, space, goals)
    remarks = [*doubts(goals), *built.hints]
    times = sorted(_OF_ONE_RUN.intersection(goals.names))
    if halving is not None and halving.resume_key is not None and times:
        remarks.append(
            f"{' and '.join(times)} of a promoted trial: that of its last rung alone, which goes on from a checkpoint. "
            "Without early_stopping.resume_key, each rung is a whole training."
        )
    if settings.direction and (settings.objectives or settings.scalarize):
        instead = "objectives has names and directions" if settings.objectives else "scalarize has a direction"
        remarks.append(f"hydra.sweeper.direction is ignored: hydra.sweeper.{instead}.")
    ignored = ignored_sampler(settings, project.chosen_option("hydra/sweeper/sampler"))
    if ignored is not None:
        remarks.append(ignored)
    first: list[Suggestion] = []
    if settings.start_from_config:
        own, why = config_point(space, project)
        if own is None:
            remarks.append(f"the project's own configuration is not in the space and not tried: {why}")
        else:
            first.append(Suggestion(own, "config"))
    first += [Suggestion(point, "initial") for point in initial_points(space, settings.initial_trials, project)]
    imports: list[Import] = []
    full = None if halving is None else halving.budget(-1)
    for entry in entries_of(settings.warm_start):
        try:
            imports.append(read_source(entry, space, goals, project, settings.repeat_key, full))
        except ConfigError as error:
            if not resuming:
                raise
            remarks.append(f"not read again: {error}")
    imports = distinct(imports, space)
    remarks += [found.summary() for found in imports]
    return Plan(
        space,
        goals,
        _repeats(settings, space, project),
        tuple(first),
        tuple(imports),
        tuple(remarks),
        early_stopping,
        _stop_when(settings),
        halving,
    )


def _stop_when(settings: Settings) -> StopWhen | None:
    given, where = settings.stop_when, "hydra.sweeper.stop_when"
    if not given:
        return None
    stop_when = parse_block(StopWhen, given, where, "stop_when: {over_trials: 15}")
    if not 0.0 <= stop_when.hypervolume_gain < 1.0:
        raise ConfigError(
            f"{where}.hypervolume_gain must be a share of at least 0 and less than 1, not "
            f"{stop_when.hypervolume_gain}; 0.01 is one percent."
        )
    check_bounds(where, given, {"over_trials": 1})
    return stop_when


def _check_sources(settings: Settings, project: Project) -> None:
    """Raises ConfigError for a source of a metric that is wrong, or that no trial on this machine can have."""
    sources = parse_metric_sources(settings.metrics)
    for name, setting in sources.items() if not project.trials_are_elsewhere else ():
        if missing := setting.source.missing_package():
            raise ConfigError(f"hydra.sweeper.metrics.{name}.source: {setting.kind} {missing}.")


def _built(settings: Settings, arguments: Sequence[str], project: Project) -> BuiltSpace:
    params: Mapping[str, Any] = settings.params or {}
    if typed := project.typed_settings("hydra.sweeper.params."):
        params = without_respelled(params, typed, project.file_setting("hydra.sweeper.params"))
    return build_space(params, arguments, settings.param_constraints, project, settings.search_space)


def _repeats(settings: Settings, space: SearchSpace, project: Project) -> Repeats:
    """Raises ConfigError when ``repeat_key`` is searched, unknown, or holds something that cannot be counted up."""
    if settings.repeats == 1:
        return Repeats()
    where, key = "hydra.sweeper.repeat_key", settings.repeat_key
    _check_not_searched(key, where, space, "name a seed that is not.")
    return Repeats(settings.repeats, key, _number_of_trials(key, where, space, project))


def _check_rungs(halving: SuccessiveHalving, space: SearchSpace, project: Project) -> None:
    """Raises ConfigError when the keys that the rungs set are searched or unknown, or the budget is no number."""
    where = "hydra.sweeper.early_stopping"
    _check_not_searched(halving.budget_key, f"{where}.budget_key", space, _NOT_OF_RUNGS)
    others = {} if halving.resume_key is None else {f"{where}.resume_key": halving.resume_key}
    for place, key in others.items():
        _check_not_searched(key, place, space, _NOT_OF_RUNGS)
    _number_of_trials(halving.budget_key, f"{where}.budget_key", space, project, others)


def _number_of_trials(
    key: str, where: str, space: SearchSpace, project: Project, others: Mapping[str, str] | None = None
) -> int:
    """The number that trials have at the key, which must be there whatever is chosen; 0 where it is null or new.

    So must ``others``, by the settings that name them. Raises ConfigError.
    """
    new = key.startswith("+")
    first: int | None = None
    for point in samples(space, project):
        overrides = space.overrides(point)
        try:
            config = project.compose([*overrides, f"{key}=0"] if new else overrides)
            value = None if new else _number_at(config, key, where)
            for place, other in (others or {}).items():
                _check_key(config, other, place)
        except ConfigError:
            raise
        except COMPOSE_ERRORS as error:
            if first is None:
                raise ConfigError(f"{where}: a trial does not compose: {reason(error)}") from None
            continue  # options that clash: a failed trial of its own
        first = value or 0 if first is None else first
    return first or 0


def _check_not_searched(key: str, where: str, space: SearchSpace, instead: str) -> None:
    if bare(key) in map(bare, space.keys):
        raise ConfigError(f"{where}: '{key}' is among the searched parameters; {instead}")


def _check_key(config: DictConfig, key: str, where: str) -> None:
    if not key.startswith("+") and not has_key(config, key):
        under = f" with {' '.join(map(str, config.hydra.overrides.task))}"
        raise ConfigError(
            f"{where}: the project's configuration has no key '{key}'{under}.{closest(key, all_keys(config))} To add "
            f"a new key, write '+{key}'."
        )


def _number_at(config: DictConfig, key: str, where: str) -> int | None:
    _check_key(config, key, where)
    value = OmegaConf.select(config, key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise ConfigError(f"{where}: '{key}' must hold a whole number or null, and holds {value!r}.")
    return value
