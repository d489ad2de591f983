"""A Pareto point as a Hydra config that can be run by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.goals import Goals
from ax_mo.jobs.command import Program
from ax_mo.project import Project, without_hydra
from ax_mo.study.trial import Trial

_MISSING = object()


@dataclass(frozen=True)
class Recipe:
    """How to get from the project's plain config to a trial's: group choices, then values."""

    choices: dict[str, str | None]
    values: dict[str, Any]
    hydra: dict[str, Any]
    """Settings of Hydra's own node that a run depends on, such as ``job.chdir``."""
    removed: tuple[str, ...]
    """Keys that the trial deleted, which a config file cannot do."""


class Recipes:
    """Writes the files under ``pareto/`` for one study."""

    def __init__(self, project: Project, goals: Goals, program: Program | None, sweep_dir: Path) -> None:
        self._project = project
        self._goals = goals
        self._program = program
        self._sweep_dir = sweep_dir
        self._plain_config: DictConfig | None = None

    def command(self, trial: Trial) -> str:
        """The line that runs the trial's point again, once and not as a sweep."""
        words = f"--config-dir {self._sweep_dir} +pareto={recipe_name(trial)}"
        if self._program is not None:
            words = self._program.pareto_command(self._sweep_dir, recipe_name(trial))
        return f"{words} hydra.mode=RUN" if self._project_sweeps() else words

    def _project_sweeps(self) -> bool:
        """Whether the project's plain config says ``hydra.mode: MULTIRUN``."""
        return bool(self._plain().hydra.mode == RunMode.MULTIRUN)

    def _plain(self) -> DictConfig:
        if self._plain_config is None:
            self._plain_config = self._project.compose_plain([], tolerant=True)
        return self._plain_config

    def _sets_mode(self) -> bool:
        # hydra-core 1.4.0rc3 refuses hydra.mode in any file but the primary config.
        return self._project_sweeps() and hydra.__version__.startswith("1.3")

    def text(self, trial: Trial) -> str | None:
        """The content of ``pareto/trial_<n>.yaml``; None when the project no longer composes it."""
        try:
            found = recipe(self._project, trial.overrides, self._plain())
            return experiment_yaml(trial, self._goals, found, self.command(trial), self._sets_mode())
        except (HydraException, OmegaConfBaseException, yaml.YAMLError, TypeError, ValueError):
            return None


def recipe_name(trial: Trial) -> str:
    """The name of the trial's file under ``pareto/``; Hydra takes no bare number for an option."""
    return f"trial_{trial.number}" if trial.number >= 0 else f"imported_{-trial.number}"


def recipe(project: Project, overrides: Sequence[str], plain: DictConfig) -> Recipe:
    """What must change in the project's plain config to give the trial's, experiment files included.

    The trial's own experiment files are not named: they would bring the sweep back. Their choices and values are.
    """
    trial = project.compose(overrides)
    before, after = _choices(plain), _choices(trial)
    choices = {group: after[group] for group in before if group in after and after[group] != before[group]}
    try:
        lines = [f"{group}={_option(option)}" for group, option in choices.items()]
        chosen = project.compose_plain(lines) if lines else plain
    except (HydraException, OmegaConfBaseException):
        choices, chosen = {}, plain
    values, removed = _difference(_content(chosen), _content(trial))
    return Recipe(choices, values, _run_settings(plain, trial), tuple(removed))


def experiment_yaml(trial: Trial, goals: Goals, found: Recipe, command: str, sets_mode: bool) -> str:
    """The text of ``pareto/trial_<n>.yaml``."""
    metrics = ", ".join(f"{name} = {trial.metrics[name]:g}" for name in goals.names)
    lines = [
        "# @package _global_",
        f"# Trial {trial.label}: {metrics}",
        f"# Run it again: {command}",
    ]
    for key in found.removed:
        lines.append(f"# The trial also deleted a key; add to the command line: ~{key}")
    body: dict[str, Any] = {}
    if found.choices:
        body["defaults"] = [{f"override /{group}": option} for group, option in found.choices.items()]
    of_hydra: dict[str, Any] = dict(found.hydra)
    if sets_mode:
        of_hydra["mode"] = "RUN"
    if of_hydra:
        body["hydra"] = of_hydra
    body.update(found.values)
    text = OmegaConf.to_yaml(OmegaConf.create(body)) if body else "{}\n"
    return "\n".join(lines) + "\n\n" + text


def _run_settings(plain: DictConfig, trial: DictConfig) -> dict[str, Any]:
    """What the sweep's files and command line changed of how Hydra runs a job; the recorder apart."""
    before, after = _settings(plain), _settings(trial)
    return _difference(before, after)[0]


def _settings(config: DictConfig) -> dict[str, Any]:
    hydra_node = OmegaConf.to_container(config.hydra, resolve=False, enum_to_str=True)
    assert isinstance(hydra_node, dict)
    job = {key: hydra_node["job"][key] for key in ("chdir", "env_set", "env_copy")}
    callbacks = {name: value for name, value in hydra_node["callbacks"].items() if name != "ax_mo"}
    return {"job": job, "callbacks": callbacks}


def _choices(config: DictConfig) -> dict[str, str | None]:
    """The task's config groups and their options; Hydra's own groups apart."""
    chosen = OmegaConf.to_container(config.hydra.runtime.choices)
    assert isinstance(chosen, dict)
    return {str(k): v for k, v in chosen.items() if not str(k).startswith("hydra/")}


def _option(option: Any) -> str:
    if isinstance(option, list):
        return "[" + ",".join(map(str, option)) + "]"
    return "null" if option is None else str(option)


def _content(config: DictConfig) -> dict[str, Any]:
    content = OmegaConf.to_container(without_hydra(config), resolve=False, enum_to_str=True)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def _difference(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> tuple[dict[str, Any], list[str]]:
    """The entries of ``after`` that are not so in ``before``, and the dotted keys it lacks."""
    changed: dict[str, Any] = {}
    removed = [f"{prefix}{key}" for key in before if key not in after]
    for key, value in after.items():
        old = before.get(key, _MISSING)
        if isinstance(value, dict) and isinstance(old, dict) and value:
            inner, gone = _difference(old, value, f"{prefix}{key}.")
            removed += gone
            if inner:
                changed[key] = inner
        elif old is _MISSING or type(old) is not type(value) or old != value:
            changed[key] = value
    return changed, removed
