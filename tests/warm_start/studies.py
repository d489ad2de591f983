"""Earlier studies, in real databases and directories, and what a new one reads of them."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status, TrialRun
from ax_mo.hydra_project.overrides import as_text
from ax_mo.hydra_project.project import Project, without_hydra
from ax_mo.search_space.build import build_space
from ax_mo.search_space.space import SearchSpace
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.store import Store
from ax_mo.sweep.settings import parse_settings
from ax_mo.sweep.spec import Plan, make_plan
from ax_mo.warm_start.reader import EarlierStudy, read_source
from ax_mo.warm_start.report import Import


class Colour(Enum):
    RED = 1
    BLUE = 2


GOALS = parse_goals({"loss": "minimize", "acc": {"goal": "maximize", "threshold": 0.9}}, None, ["seconds <= 60"])
OBJECTIVES = {"loss": "minimize", "acc": "maximize, threshold 0.5", "constraint 0": "memory <= 2"}
FILES = {
    "config.yaml": """
defaults: [{model: mlp}, colours, {extra: null}, _self_, {experiment: null}]
x: 0.5
y: 0.5
seed: 0
layers: [1, 2]
needed: ???
out: ${hydra:runtime.output_dir}/${now:%f}
twice: ${double:${y}}
""",
    "model/mlp.yaml": "width: 8\nhidden: 3\n",
    "model/cnn.yaml": "width: 8\nkernel: 3\n",
    "model/rnn.yaml": "width: 8\nhidden: 3\n",
    "extra/logger.yaml": "level: 1\nname: a\n",
    "experiment/first.yaml": "# @package _global_\ny: 0.75\n",
    "experiment/second.yaml": "# @package _global_\ny: 0.75\n",
}


def project_in(directory: Path, *arguments: str, **files: str) -> Project:
    """A project of its own, as the sweep that is started with these arguments sees it."""
    for name, text in {**FILES, **{f"{name}.yaml": text for name, text in files.items()}}.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    ConfigStore.instance().store(name="colours", node={"colour": Colour.RED})
    OmegaConf.register_new_resolver("double", lambda value: 2 * value, replace=True)
    with initialize_config_dir(str(directory), version_base=None):
        loader = GlobalHydra.instance().config_loader()
    return Project(loader, loader.load_configuration("config", list(arguments), run_mode=RunMode.MULTIRUN))


def ran(number: int, x: float = 0.25, loss: float = 1.0, **changes: Any) -> TrialRun:
    """A completed trial of the earlier study."""
    trial = TrialRun(
        number=number,
        status=Status.COMPLETED,
        point={"x": x},
        overrides=(f"x={x}",),
        directory=str(number),
        generator="sobol",
        started="t1",
        ended="t2",
        metrics={"loss": loss, "acc": 0.5, "seconds": 1.0, "memory": 1.0},
    )
    return replace(trial, **changes)


def write(
    directory: Path,
    *trials: TrialRun,
    objectives: Mapping[str, str] = OBJECTIVES,
    url: str | None = None,
    name: str = "study",
    fixed: Sequence[str] = (),
) -> None:
    """An earlier study: in the directory's own database as a sweep without ``storage`` makes it, or in ``url``."""
    of_url = f"sqlite:///{directory / 'study.db'}" if url is None else url
    definition = Definition({}, objectives, tuple(fixed))
    store = Store.open(of_url, StoredStudy(name, "" if url is None else str(directory), definition, seed=1))
    store.add(trials)
    store.close()


def record(directory: Path, project: Project, *overrides: str) -> None:
    """What Hydra leaves in the directory of a run with these overrides."""
    config = project.compose(overrides)
    (directory / ".hydra").mkdir(parents=True)
    hydra = OmegaConf.masked_copy(config, ["hydra"])
    (directory / ".hydra" / "hydra.yaml").write_text(OmegaConf.to_yaml(hydra))
    task = without_hydra(config)
    (directory / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(task))


def write_run(
    directory: Path, project: Project, *trials: TrialRun, fixed: Sequence[str] = (), record_of: Project | None = None
) -> None:
    """An earlier study whose trials ran with their points and ``fixed``, and have their directories still."""
    lines = [(*fixed, *(f"{key}={as_text(value)}" for key, value in trial.point.items())) for trial in trials]
    write(
        directory, *(replace(trial, overrides=given) for trial, given in zip(trials, lines, strict=True)), fixed=fixed
    )
    for trial, given in zip(trials, lines, strict=True):
        record(directory / trial.directory, record_of or project, *given)


def space_of(project: Project, *arguments: str, **params: Any) -> SearchSpace:
    named = {key.replace("__", "."): value for key, value in (params or {"x": "interval(0,1)"}).items()}
    return build_space(named, arguments, [], project).space


def read(origin: Any, project: Project, *arguments: str, ignore: Sequence[str] = (), **params: Any) -> Import:
    source = EarlierStudy(str(origin), tuple(ignore))
    return read_source(source, space_of(project, *arguments, **params), GOALS, project)


def why_left_out(found: Import) -> list[str]:
    return [str(reason) for reason in found.left_out]


def points(found: Import) -> list[Mapping[str, Any]]:
    return [trial.point for trial in found.trials]


def spoil(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def plan(project: Project, resuming: bool = False, **settings: Any) -> Plan:
    given = {"objectives": {"loss": "minimize", "acc": "maximize"}, "params": {"x": "interval(0,1)"}, **settings}
    return make_plan(parse_settings(given), [], project, resuming)
