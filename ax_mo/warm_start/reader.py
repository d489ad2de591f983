"""Reads earlier studies, and makes trials of this one of those that mean the same here."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from itertools import count, groupby
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ax_mo.core.budget import Budget
from ax_mo.core.objectives import DIRECTIONS, Goals, NoValue
from ax_mo.core.repeats import aggregate_repeats
from ax_mo.core.trial import Status, Trial, TrialRun, Value
from ax_mo.errors import AxMoError, ConfigError, closest
from ax_mo.hydra_project.config_diff import (
    Difference,
    Ran,
    composed_run,
    config_differences,
    saved,
    within,
)
from ax_mo.hydra_project.overrides import bare
from ax_mo.hydra_project.project import COMPOSE_ERRORS, Project
from ax_mo.search_space.space import PointIdentity, SearchSpace
from ax_mo.search_space.start import values_in
from ax_mo.storage.definition import StoredStudy
from ax_mo.storage.location import locate
from ax_mo.warm_start.report import Import, Reason, differing_reason, outside_reason, plain_reason

_SETTING = "hydra.sweeper.warm_start"


@dataclass(frozen=True)
class EarlierStudy:
    """An entry of ``warm_start``: where an earlier study is, and the keys that may differ in its trials."""

    origin: str
    ignore: tuple[str, ...] = ()


def entries_of(given: Any) -> list[EarlierStudy]:
    """What ``warm_start`` names: one entry or a list of them. Raises ConfigError for one that is neither."""
    if given is None:
        return []
    if not isinstance(given, list | tuple):
        return [_entry(given, _SETTING)]
    return [_entry(entry, f"{_SETTING}[{index}]") for index, entry in enumerate(given)]


def _entry(given: Any, where: str) -> EarlierStudy:
    if isinstance(given, str | Path):
        return EarlierStudy(str(given))
    form = "Write a sweep directory, <storage>/<study_name>, or {from: <one of these>, ignore: [<key>, ...]}."
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where}: {given!r} names no earlier study. {form}")
    known = ("from", "ignore")
    for name in given:
        if name not in known:
            raise ConfigError(f"{where} has no setting '{name}'.{closest(str(name), known)} {form}")
    if not isinstance(given.get("from"), str | Path):
        raise ConfigError(f"{where}.from must name an earlier study, and is {given.get('from')!r}. {form}")
    ignore = given.get("ignore") or []
    if not isinstance(ignore, list | tuple) or any(not isinstance(k, str) or not k or "=" in k for k in ignore):
        raise ConfigError(
            f"{where}.ignore must be a list of keys that may differ, without values, such as [trainer.log_every, "
            f"logger], and is {ignore!r}."
        )
    return EarlierStudy(str(given["from"]), tuple(ignore))


def read_source(
    source: EarlierStudy,
    space: SearchSpace,
    goals: Goals,
    project: Project,
    repeat_key: str = "seed",
    budget: Budget | None = None,
) -> Import:
    """The source's finished trials in terms of this study; what is under ``repeat_key`` makes no other experiment.

    ``budget`` is that of this study's complete trials, where they train in rungs.

    Raises ConfigError where there is none, it cannot be read, or its objectives are others.
    """
    location = locate(source.origin, f"{_SETTING}: ")
    label = location.label
    if "://" in source.origin and location.study is None:
        raise ConfigError(
            f"{_SETTING}: '{label}' names no study in a database; write <storage>/<study_name>, such as "
            "sqlite:////data/studies.db/nas."
        )
    try:
        studies = location.studies()
    except AxMoError as error:
        raise ConfigError(f"{_SETTING}: {error}") from None
    importer = _Importer(source.ignore, space, goals, project, repeat_key, budget)
    for study in studies:
        _check_objectives(study, goals, label)
        base = location.place_of(study)
        of_study = label if len(studies) == 1 else f"{label}/{study.name}"
        for number, group in groupby(study.runs, key=lambda run: run.number):
            importer.read(list(group), base, f"{of_study}#{number}")
    return importer.result(label)


def distinct(imports: Sequence[Import], space: SearchSpace) -> list[Import]:
    """The same, each point from the first trial that has it; the others are among those left out."""
    points: set[PointIdentity] = set()
    found: list[Import] = []
    for of_one in imports:
        trials: list[TrialRun] = []
        for trial in of_one.trials:
            point = space.identity(trial.point)
            if point not in points:
                points.add(point)
                trials.append(trial)
        again = [plain_reason("another trial of the same point is imported already")]
        left_out = (*of_one.left_out, *again * (len(of_one.trials) - len(trials)))
        found.append(replace(of_one, trials=tuple(trials), left_out=left_out))
    return found


def new_imports(imports: Sequence[Import], known: Sequence[TrialRun], space: SearchSpace) -> list[TrialRun]:
    """Trials of ``distinct`` imports that the study does not have, numbered downwards from its last imported one."""
    points = {space.identity(trial.point) for trial in known if trial.status is Status.IMPORTED}
    last = min([0, *(trial.number for trial in known)])
    trials = [trial for of_one in imports for trial in of_one.trials if space.identity(trial.point) not in points]
    return [replace(trial, number=number) for number, trial in zip(count(last - 1, -1), trials, strict=False)]


def _check_objectives(study: StoredStudy, goals: Goals, label: str) -> None:
    """Every objective here must have been one there, in the same direction; thresholds may differ."""
    theirs = {
        name: goal.split(",")[0]
        for name, goal in study.definition.objectives.items()
        if goal.split(",")[0] in DIRECTIONS  # the others are constraints
    }
    # What is made of metrics, or to come near a number, says nothing of directions there.
    plain = [o for o in goals.objectives if o.target is None and o.expression is None]
    ours = {o.name: o.direction for o in plain}
    if any(theirs.get(name) != goal for name, goal in ours.items()):

        def listed(objectives: dict[str, str]) -> str:
            return ", ".join(f"{goal} {name}" for name, goal in objectives.items())

        raise ConfigError(
            f"{_SETTING}: the study in {label} has other objectives: {listed(theirs)}. This one's are: {listed(ours)}."
        )


class _LeftOut(Exception):
    """A trial of an earlier study is no data of this one, for the Reason that is its only argument."""


class _Importer:
    """Reads the trials of one source, one by one, and keeps what becomes of each."""

    def __init__(
        self,
        ignore: tuple[str, ...],
        space: SearchSpace,
        goals: Goals,
        project: Project,
        repeat_key: str,
        budget: Budget | None,
    ) -> None:
        self._ignore = ignore
        self._space = space
        self._goals = goals
        self._repeat_key = repeat_key
        self._budget = budget
        self._project = project
        self._is_group = cache(lambda key: bool(project.group_options(key)))
        self._bases: dict[tuple[str, ...], Ran] = {}
        self._trials: list[TrialRun] = []
        self._left_out: list[Reason] = []
        self._ignored: dict[str, Reason] = {}
        self._unchecked: set[str] = set()

    def result(self, label: str) -> Import:
        trials, left_out = tuple(self._trials), tuple(self._left_out)
        return Import(label, self._ignore, trials, left_out, self._ignored, frozenset(self._unchecked))

    def read(self, runs: Sequence[TrialRun], base: Path, handle: str) -> None:
        """Take a trial, given all its runs, unless it is unfinished; their directories are below ``base``.

        ``handle`` is what it is known by here; no other trial of the source has it.
        """
        trial = aggregate_repeats([self._completed(run) for run in runs])
        if trial.status is not Status.COMPLETED:
            return
        one = next(run for run in runs if run.status is Status.COMPLETED)
        seeds = [self._repeat_key]
        if one.budget is not None:
            seeds += one.budget.set_apart
        elif one.repeat is not None:
            seeds.append(one.overrides[-1].partition("=")[0])
        record = saved(base / one.directory)
        try:
            ran = record or self._by_overrides(trial)
            point = self._point(trial, ran, everything=record is not None)
            missing = [name for name in self._goals.required if name not in trial.metrics]
            if missing:
                raise _LeftOut(plain_reason(f"it has no metric '{missing[0]}'"))
            ignored = self._check_configuration(ran, point, seeds)
        except _LeftOut as left_out:
            self._left_out.append(left_out.args[0])
            return
        imported = TrialRun(
            number=0,
            status=Status.IMPORTED,
            point=point,
            overrides=tuple(self._space.overrides(point)),
            # Of a repeated trial, the run whose configuration was compared: the trial's own directory holds none.
            directory=str(base / one.directory),
            generator="imported",
            handle=handle,
            metrics=trial.metrics,
            started=trial.started,
            ended=trial.ended,
        )
        self._trials.append(imported)
        if record is None:
            self._unchecked.add(handle)
        if ignored:
            self._ignored[handle] = differing_reason(ignored)

    def _run(self, lines: Sequence[str], values: Mapping[str, Value]) -> Ran:
        """What this project composes from overrides and then values of keys. Raises Hydra's exceptions and OmegaConf's.

        Composed once for all that differ in values alone: Hydra takes 40 ms, nearly all of it for the config groups.
        """
        if (base := self._bases.get(tuple(lines))) is None:
            base = self._bases[tuple(lines)] = composed_run(self._project.compose(lines))
            OmegaConf.set_struct(base.config, True)  # as Hydra has it: a key without + is one that exists
        config = deepcopy(base.config)
        for key, value in values.items():
            OmegaConf.update(config, bare(key), value, merge=True, force_add=key.startswith("+"))
        return replace(base, config=config)

    def _completed(self, run: TrialRun) -> TrialRun:
        """The run with the metrics that this study makes of its others, where it can."""
        try:
            return replace(run, metrics=self._goals.completed(run.metrics))
        except NoValue:
            return run

    def _by_overrides(self, trial: Trial) -> Ran | None:
        """What the trial would run with today; None where that is nothing."""
        values = {key: value for key, value in trial.point.items() if not self._is_group(bare(key))}
        keys = set(map(bare, values))
        lines = [line for line in trial.overrides if bare(line.partition("=")[0]) not in keys]
        try:
            return self._run(lines, values)
        except COMPOSE_ERRORS:
            return None

    def _point(self, trial: Trial, ran: Ran | None, everything: bool) -> dict[str, Value]:
        """The trial in this space. What was not searched there is taken from its configuration.

        Unless that is known in ``everything``, from its overrides alone. Raises _LeftOut.
        """
        keys = {bare(parameter.key): parameter.key for parameter in self._space.parameters}
        values = {} if ran is None else values_in(ran.config, self._space)
        if not everything:
            given = {bare(line.partition("=")[0]) for line in trial.overrides}
            values = {key: value for key, value in values.items() if bare(key) in given}
        values.update({keys[bare(key)]: value for key, value in trial.point.items() if bare(key) in keys})
        why = self._space.outside(values)
        if why is None:
            return self._space.restricted(values)
        raise _LeftOut(outside_reason(why))

    def _check_configuration(
        self, ran: Ran | None, point: Mapping[str, Value], seeds: Sequence[str]
    ) -> list[Difference]:
        """What differs by the leave of ``ignore``. Raises _LeftOut where more does."""
        if ran is None:
            raise _LeftOut(plain_reason("its directory is gone, and its overrides do not compose here"))
        walked = self._space.walk(lambda parameter, _: point[parameter.key])
        values = {parameter.key: value for parameter, value in walked if not parameter.is_group}
        lines = self._space.overrides(point)  # the values come last
        lines = lines[: len(lines) - len(values)]
        if self._budget is not None:
            values[self._budget.key] = self._budget.value
        try:
            here = self._run(lines, values)
        except COMPOSE_ERRORS:
            raise _LeftOut(plain_reason("it does not compose here")) from None
        counted, passed = config_differences(ran, here, [*seeds, *self._ignore])
        if counted:
            raise _LeftOut(differing_reason(counted))
        return [difference for difference in passed if not any(within(difference.key, bare(seed)) for seed in seeds)]
