"""A sweep as it was asked for, and what follows from that alone."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.core.trial import Value
from ax_mo.core.urls import STUDY, sqlite_url
from ax_mo.errors import ConfigError, StudyLost
from ax_mo.hydra_project.command import Program
from ax_mo.hydra_project.hydra_node import job_name_of
from ax_mo.hydra_project.project import Project
from ax_mo.optimizer.ax import AxOptimizer
from ax_mo.search_space.start import own_values
from ax_mo.storage.definition import Definition, described_goals
from ax_mo.storage.description import rebuild_hint
from ax_mo.storage.snapshot import about
from ax_mo.storage.store import check_welcome
from ax_mo.sweep.plan import Plan
from ax_mo.sweep.settings import Settings
from ax_mo.trial.metrics import as_json

# Settings that a study's readers are told.
_TOLD = (
    "n_trials", "n_jobs", "method", "seed", "repeats", "repeat_key", "max_failure_rate", "max_same_failures",
    "early_stopping",
    "timeout_hours", "stop_when", "n_startup_trials", "start_from_config", "metrics",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
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
        sweep_dir = None if self.settings.storage is None else self.sweep_dir
        if sweep_dir is None and not (self.sweep_dir / STUDY).exists():
            hint = rebuild_hint(self.sweep_dir) if self.sweep_dir.is_dir() else ""
            if hint:
                raise ConfigError(
                    f"{self.sweep_dir} holds a study whose {STUDY} is gone.{hint} For a new study, choose another "
                    "hydra.sweep.dir."
                )
        with suppress(StudyLost):  # whoever opens it says so, and what to do
            check_welcome(*self.database, sweep_dir, self.definition, to_run)

    @property
    def definition(self) -> Definition:
        """What a resume must agree on."""
        goals, space = self.plan.goals, self.plan.space
        objectives = described_goals(goals)
        return Definition({**space.describe(), **self.plan.repeats.describe()}, objectives, space.fixed)

    def about(self, ending: str | None = None) -> dict[str, Any]:
        """What the study's readers are told of it."""
        given = asdict(self.settings)
        kept = {name: as_json(given[name]) for name in _TOLD if given[name] is not None}
        commands = {"resume": self.resume_line.removeprefix("ax_mo: to resume: ")}
        if self.program is not None:
            line = self.program.pareto_command(self.sweep_dir, "NAME")
            commands["pareto"] = line.removesuffix("NAME") + "{name}"
        return about(self.plan.space, self.plan.goals, kept, commands, self.sweep_dir, ending)

    @property
    def resume_line(self) -> str:
        if self.program is None:
            return f"ax_mo: to resume, sweep again with hydra.sweep.dir={self.sweep_dir}"
        return f"ax_mo: to resume: {self.program.resume_command(self.sweep_dir)}"

    def optimizer(self, seed: int) -> AxOptimizer:
        settings = self.settings
        return AxOptimizer(
            self.plan.space,
            self.plan.goals,
            seed,
            settings.n_startup_trials,
            settings.method,
            settings.torch_threads,
            self.plan.first,
            n_trials=settings.n_trials + len(self.plan.imports),
        )

    def own_point(self) -> Mapping[str, Value]:
        """The values of the project's own configuration, also where they lie outside the space."""
        try:
            return own_values(self.plan.space, self.project)
        except (HydraException, OmegaConfBaseException):
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
