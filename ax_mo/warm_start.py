"""Finished trials of earlier studies, as data of a new one."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ax_mo.errors import AxMoError, ConfigError
from ax_mo.goals import Goals
from ax_mo.project import Project
from ax_mo.space.entries import bare
from ax_mo.space.parameters import Space, Value
from ax_mo.space.start import value_at, values_in
from ax_mo.study.repeats import whole
from ax_mo.study.store import StoredStudy, read_studies, redacted
from ax_mo.study.trial import Status, Trial

STUDY = "study.db"


@dataclass(frozen=True)
class Source:
    """An entry of ``warm_start``: a sweep directory, or a database and the study's name in it."""

    label: str
    url: str
    study: str | None
    directory: Path | None
    """Where the trials are, unless the study itself says; None for a server."""


@dataclass(frozen=True)
class Import:
    """What one source gives: trials that lie in the space, not numbered yet, and what was left out and why."""

    source: Source
    trials: tuple[Trial, ...]
    left_out: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    """What all of its trials were given and this study's are not."""

    def summary(self) -> str:
        """One line for the user."""
        text = f"warm start: {len(self.trials)} trial(s) imported from {self.source.label}"
        if self.overrides:
            text += f", which ran with {' '.join(self.overrides)}"
        if not self.left_out:
            return text
        alike = Counter(re.sub(r"=.*? is ", " is ", why) for why in self.left_out)  # whatever the value was
        reasons = ", ".join(f"{why} ({count})" for why, count in alike.most_common(3))
        return f"{text}; {len(self.left_out)} left out: {reasons}"


def source_of(entry: Any) -> Source:
    """Read an entry of ``warm_start``. Raises ConfigError when there is no such study."""
    text = str(entry)
    if "://" not in text:
        directory = Path(text).expanduser().absolute()
        if not (directory / STUDY).is_file():
            raise ConfigError(
                f"hydra.sweeper.warm_start: {directory} holds no {STUDY}. Name the sweep directory of an earlier "
                "study, or its database and name as <storage>/<study_name>, such as sqlite:////data/studies.db/nas."
            )
        return Source(str(directory), f"sqlite:///{directory / STUDY}", None, directory)
    url, name, directory_of = _split(text)
    if not name:
        raise ConfigError(
            f"hydra.sweeper.warm_start: '{redacted(text)}' names no study in a database; write <storage>/<study_name>, "
            "such as sqlite:////data/studies.db/nas."
        )
    return Source(redacted(text), url, name, directory_of)


def _split(text: str) -> tuple[str, str, Path | None]:
    """``<storage>/<study_name>`` and a SQLite file's directory: a name may hold slashes, a server's database may not.

    After a URL's ``?host=...`` a name holds none, for the value may.
    """
    scheme, _, rest = text.partition("://")
    if not scheme.startswith("sqlite"):
        server, mark, query = rest.partition("?")
        parts = server.split("/")
        name = "/".join(parts[2:])
        if mark and not name:
            query, _, name = query.rpartition("/")
        return f"{scheme}://{'/'.join(parts[:2])}{mark}{query}", name, None
    parts = rest.split("/")
    for length in range(2, len(parts) + 1):
        path = Path("/".join(parts[1:length]))
        if path.is_file():
            return f"{scheme}:///{path}", "/".join(parts[length:]), path.absolute().parent
    raise ConfigError(f"hydra.sweeper.warm_start: there is no database in '{redacted(text)}'.")


def read_source(source: Source, space: Space, goals: Goals, project: Project) -> Import:
    """The source's finished trials in terms of this study.

    Raises ConfigError where it cannot be read or its objectives are others.
    """
    try:
        studies = read_studies(source.url, source.study)
    except AxMoError as error:
        raise ConfigError(f"hydra.sweeper.warm_start: {error}") from None
    if not studies:
        raise ConfigError(f"hydra.sweeper.warm_start: '{source.label}' holds no study of that name.")
    trials: list[Trial] = []
    left_out: list[str] = []
    for study in studies:
        _check_objectives(study, goals, source)
        # A sweep directory may have been moved since; the database in it says nothing of where it is.
        moved = source.study is None or not study.sweep_dir
        base = source.directory if moved and source.directory else Path(study.sweep_dir)
        for _, group in groupby(study.runs, key=lambda run: run.number):
            runs = list(group)
            trial = whole(runs)
            if trial.status is not Status.COMPLETED:
                continue
            ran = next(run for run in runs if run.status is Status.COMPLETED)
            point, why = _point(trial, base / ran.directory, space, project)
            missing = [name for name in goals.required if name not in trial.metrics]
            if point is None:
                left_out.append(why)
            elif missing:
                left_out.append(f"it has no metric '{missing[0]}'")
            else:
                trials.append(_imported(trial, point, base / trial.directory, space, source))
    theirs = dict.fromkeys(line for study in studies for line in study.definition.fixed if line not in space.fixed)
    return Import(source, tuple(trials), tuple(left_out), tuple(theirs))


def new_imports(imports: Sequence[Import], known: Sequence[Trial]) -> list[Trial]:
    """The trials that the study does not have yet, numbered downwards from its last imported one."""
    have = {trial.handle for trial in known if trial.status is Status.IMPORTED}
    points = [dict(trial.point) for trial in known if trial.status is Status.IMPORTED]
    number = min([0, *(trial.number for trial in known)])
    added: list[Trial] = []
    for trial in (trial for of_one in imports for trial in of_one.trials):
        if trial.handle in have or dict(trial.point) in points:
            continue
        number -= 1
        points.append(dict(trial.point))
        added.append(replace(trial, number=number))
    return added


def _imported(trial: Trial, point: dict[str, Value], directory: Path, space: Space, source: Source) -> Trial:
    return Trial(
        number=0,
        status=Status.IMPORTED,
        point=point,
        overrides=tuple(space.overrides(point)),
        directory=str(directory),
        generator="imported",
        handle=f"{source.label}#{trial.number}",
        metrics=trial.metrics,
        started=trial.started,
        ended=trial.ended,
    )


def _check_objectives(study: StoredStudy, goals: Goals, source: Source) -> None:
    """Every objective here must have been one there, in the same direction; thresholds may differ."""
    theirs = {
        name: goal.split(",")[0]
        for name, goal in study.definition.objectives.items()
        if not name.startswith("constraint ")
    }
    ours = {objective.name: objective.goal for objective in goals.objectives}
    if any(theirs.get(name) != goal for name, goal in ours.items()):

        def listed(objectives: dict[str, str]) -> str:
            return ", ".join(f"{goal} {name}" for name, goal in objectives.items())

        raise ConfigError(
            f"hydra.sweeper.warm_start: the study in {source.label} has other objectives: {listed(theirs)}. This one's "
            f"are: {listed(ours)}."
        )


def _point(trial: Trial, directory: Path, space: Space, project: Project) -> tuple[dict[str, Value] | None, str]:
    """The trial as a point of this space, or None and why it is none.

    What was not searched there is taken from the configuration that the trial ran with; what is not searched here
    must have been as it is here.
    """
    keys = {bare(parameter.key): parameter.key for parameter in space.parameters}
    values = values_in(_config_of(directory), space)
    values.update({keys[bare(key)]: value for key, value in trial.point.items() if bare(key) in keys})
    why = space.outside(values)
    if why is not None:
        return None, why
    point = space.restricted(values)
    extra = {bare(key): value for key, value in trial.point.items() if bare(key) not in keys}
    if extra:
        why = _differs(extra, space.overrides(point), project)
        if why is not None:
            return None, why
    return point, ""


def _differs(extra: dict[str, Value], overrides: Sequence[str], project: Project) -> str | None:
    """Why the values that an earlier study searched are not those of this study's trials; None when they are."""
    try:
        config = project.compose(overrides)
    except (HydraException, OmegaConfBaseException):
        return "it does not compose here"
    for key, value in extra.items():
        try:
            here = value_at(config, key)
        except OmegaConfBaseException:
            here = None
        if isinstance(here, dict) or here is None:
            here = config.hydra.runtime.choices.get(key, here)
        if here != value:
            return f"{key} was {value!r} there and is {here!r} here"
    return None


def _config_of(directory: Path) -> DictConfig:
    """The configuration that the trial ran with, as Hydra saved it; empty where that is gone."""
    try:
        task = OmegaConf.load(directory / ".hydra" / "config.yaml")
        choices = OmegaConf.load(directory / ".hydra" / "hydra.yaml").hydra.runtime.choices
        config = OmegaConf.merge(task, {"hydra": {"runtime": {"choices": choices}}})
    except (OSError, ValueError, AttributeError, YAMLError, OmegaConfBaseException):
        config = OmegaConf.create({"hydra": {"runtime": {"choices": {}}}})
    assert isinstance(config, DictConfig)
    return config
