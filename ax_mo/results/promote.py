"""A Pareto point as a Hydra config that can be run by name."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Trial
from ax_mo.hydra_project.command import Program
from ax_mo.hydra_project.overrides import as_text
from ax_mo.hydra_project.project import Project, without_hydra
from ax_mo.results.files import recipe_name
from ax_mo.trial.untrusted import read_text

_MISSING = object()

_DOES_NOT_COMPOSE = (HydraException, OmegaConfBaseException, yaml.YAMLError, TypeError, ValueError)
"""What composing may raise: Hydra lets some of Python's own errors through."""

# Besides one for each group. Groups that groups bring, and so on: no project nests them deeper.
_MOST_ROUNDS = 10


Option = str | list[str] | None
"""Of a config group: one, several, or none."""


@dataclass(frozen=True)
class Recipe:
    """How to get from the project's plain config to a trial's: group choices, then values."""

    choices: dict[str, Option]
    values: dict[str, Any]
    hydra: dict[str, Any]
    """Settings of Hydra's own node that a run depends on, such as ``job.chdir``."""
    removed: tuple[str, ...]
    """Keys that the trial deleted, which a config file cannot do."""
    appended: tuple[str, ...] = ()
    """Overrides that add a key where the project's configs have a type, which a config file cannot do either."""
    added: dict[str, Option] = field(default_factory=dict)
    """Groups that the plain config has not, and their options; with them come the types of their configs."""

    @property
    def beside(self) -> tuple[str, ...]:
        """What the command line must say beside the file."""
        return (*(f"~{key}" for key in self.removed), *self.appended)


class Recipes:
    """Writes the files under ``pareto/`` for one study."""

    def __init__(self, project: Project, goals: Goals, program: Program | None, sweep_dir: Path) -> None:
        self._project = project
        self._goals = goals
        self._program = program
        self._sweep_dir = sweep_dir
        self._plain_config: DictConfig | None = None
        self._dropped: bool | None = None

    def command(self, trial: Trial) -> str:
        """The line that runs the trial's point again, once and not as a sweep."""
        try:
            return self._command(trial, self._recipe(trial))
        except _DOES_NOT_COMPOSE:
            return self._command(trial, None)

    def text(self, trial: Trial) -> str | None:
        """The content of ``pareto/trial_<n>.yaml``; None when the project no longer composes it."""
        try:
            found = self._recipe(trial)
            command = self._command(trial, found)
            return experiment_yaml(trial, self._goals, found, command, self._sets_mode(), self._primary())
        except _DOES_NOT_COMPOSE:
            return None

    def _recipe(self, trial: Trial) -> Recipe:
        ran_with = _saved(Path(trial.directory)) if trial.is_imported else None
        return recipe(self._project, trial.overrides, self._plain(), ran_with)

    def _command(self, trial: Trial, found: Recipe | None) -> str:
        more = [] if found is None else list(found.beside)
        if self._project_sweeps():
            more.append("hydra.mode=RUN")
        if self._program is not None:
            searched = self._project.search_path
            return self._program.pareto_command(self._sweep_dir, recipe_name(trial), more, searched)
        return shlex.join(["--config-dir", str(self._sweep_dir), f"+pareto={recipe_name(trial)}", *more])

    def _project_sweeps(self) -> bool:
        """Whether the project's plain config says ``hydra.mode: MULTIRUN``."""
        return bool(self._plain().hydra.mode == RunMode.MULTIRUN)

    def _plain(self) -> DictConfig:
        if self._plain_config is None:
            self._plain_config = self._project.compose_plain([], tolerant=True)
        return self._plain_config

    def _primary(self) -> str | None:
        """The primary config, where a file that is added to it must bring it along."""
        if self._dropped is None:
            self._dropped = self._project.primary_is_dropped()
        name = self._project.config_name
        return name.removesuffix(".yaml") if name is not None and self._dropped else None

    def _sets_mode(self) -> bool:
        # hydra-core 1.4.0rc3 refuses hydra.mode in any file but the primary config.
        return self._project_sweeps() and hydra.__version__.startswith("1.3")


def recipe(
    project: Project, overrides: Sequence[str], plain: DictConfig, ran_with: dict[str, Any] | None = None
) -> Recipe:
    """What must change in the project's plain config to give the trial's, experiment files included.

    The trial's own experiment files are not named: they would bring the sweep back. Their choices and values are.
    ``ran_with`` is the configuration that the trial ran with where that may be another than its overrides give here.
    What the overrides name is written even where the plain config says the same: it may say something else one day.
    Raises Hydra's exceptions when the trial itself no longer composes.
    """
    trial = project.compose(overrides)
    wanted = _choices(trial)
    chosen = _with_lists(project, _chosen(project, plain, wanted), overrides)
    content = _content(trial) if ran_with is None else ran_with
    values, removed = _difference(_content(chosen.config), content)
    named = _named(overrides)
    there = _choices(chosen.config)
    agreed = {g: there[g] for g in named if g in there and there[g] == wanted.get(g) and g not in chosen.added}
    for key in named:
        if key not in wanted and key not in chosen.choices:
            _pin(values, content, key.split("."))
    choices = {**agreed, **chosen.choices}
    appended = _appended(chosen.config, overrides, values)
    return Recipe(choices, values, _run_settings(plain, trial), tuple(removed), appended, chosen.added)


def _appended(config: DictConfig, overrides: Sequence[str], values: dict[str, Any]) -> tuple[str, ...]:
    """The overrides that add a key to a node with a type; takes their values out of ``values``."""
    open_config = without_hydra(config).copy()
    OmegaConf.set_struct(open_config, None)  # a type is still closed
    lines: list[str] = []
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        *path, key = override.key_or_group.split(".")
        nodes: list[Any] = [values]
        for part in path:
            nodes.append(nodes[-1].get(part) if isinstance(nodes[-1], dict) else None)
        added = override.is_add() or override.is_force_add()
        if not added or not isinstance(nodes[-1], dict) or key not in nodes[-1]:
            continue
        alone: Any = nodes[-1][key]
        for part in reversed([*path, key]):
            alone = {part: alone}
        try:
            OmegaConf.merge(open_config, alone)
        except OmegaConfBaseException:
            lines.append(str(override.input_line))
            for node, part in zip(reversed(nodes), reversed([*path, key]), strict=True):
                del node[part]
                if node:
                    break
    return tuple(lines)


def _named(overrides: Sequence[str]) -> list[str]:
    """The keys and groups of the task's overrides; deletions and Hydra's own settings apart."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    keys = [override.get_key_element().lstrip("+") for override in parsed if not override.is_delete()]
    return [key for key in keys if not key.startswith(("hydra.", "hydra/"))]


def _pin(values: dict[str, Any], content: dict[str, Any], path: Sequence[str]) -> None:
    """Give ``values`` the entry of ``content`` at ``path``; of a list's element, the whole list."""
    key, rest = path[0], path[1:]
    if key not in content:
        return
    value = content[key]
    if rest and isinstance(value, dict):
        inner = values.setdefault(key, {})
        if isinstance(inner, dict):
            _pin(inner, value, rest)
        if not inner:
            del values[key]
    else:
        values[key] = value


@dataclass(frozen=True)
class _Chosen:
    """Groups that are there and stand elsewhere, groups that are not there, and what they compose to."""

    config: DictConfig
    choices: dict[str, Option] = field(default_factory=dict)
    added: dict[str, Option] = field(default_factory=dict)


def _chosen(project: Project, plain: DictConfig, wanted: dict[str, Option]) -> _Chosen:
    """The choices that bring the plain config to the trial's groups and options.

    A choice may bring groups of its own, and change others (``override /optim: sgd`` in a preset): composed again
    until all groups agree.
    """
    chosen = _Chosen(plain)
    left_out: set[str] = set()  # groups whose options are experiment files of sweeps, or do not compose here
    for _ in range(_MOST_ROUNDS + len(wanted)):
        there = _choices(chosen.config)
        wrong = {g: o for g, o in wanted.items() if g in there and there[g] != o and g not in left_out}
        absent = {g: o for g, o in wanted.items() if g not in there and o is not None and g not in left_out}
        if wrong:
            candidates = [_with(project, chosen, wrong, {})]
            candidates += [_with(project, chosen, {group: option}, {}) for group, option in wrong.items()]
        elif absent:
            outer = min(absent, key=lambda group: group.count("/"))
            wrong = {outer: absent[outer]}
            candidates = [_with(project, chosen, {}, wrong)]
        else:
            break
        usable = [c for c in candidates if c is not None and _sweep(c.config) == _sweep(plain)]
        if usable:
            chosen = usable[0]
        else:
            left_out.update(wrong)
    return chosen


def _with(project: Project, chosen: _Chosen, choices: dict[str, Option], added: dict[str, Option]) -> _Chosen | None:
    """With more choices; None when that does not compose without the trial's other overrides."""
    choices, added = {**chosen.choices, **choices}, {**chosen.added, **added}
    lines = [f"{group}={_option(option)}" for group, option in choices.items() if group not in added]
    lines += [f"+{group}={_option(choices.get(group, option))}" for group, option in added.items()]
    try:
        config = project.compose_plain(lines, tolerant=True)
    except _DOES_NOT_COMPOSE:
        return None
    return _Chosen(config, {g: o for g, o in choices.items() if g not in added}, added)


def _with_lists(project: Project, chosen: _Chosen, overrides: Sequence[str]) -> _Chosen:
    """With the lists of options that the trial was given, such as ``callbacks=[a,b]``, which Hydra does not note."""
    lists: dict[str, Any] = {}
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        value = override.value()
        if isinstance(value, list) and not override.is_add() and project.group_options(override.key_or_group):
            lists[override.get_key_element()] = value
    found = _with(project, chosen, lists, {}) if lists else None
    return chosen if found is None or _sweep(found.config) != _sweep(chosen.config) else found


def _sweep(config: DictConfig) -> list[Any]:
    """What a config says of how to sweep."""
    content = OmegaConf.to_container(config.hydra, resolve=False, enum_to_str=True)
    assert isinstance(content, dict)
    return [content[key] for key in ("mode", "sweeper", "launcher", "sweep")]


def experiment_yaml(
    trial: Trial, goals: Goals, found: Recipe, command: str, sets_mode: bool, primary: str | None = None
) -> str:
    """The text of ``pareto/trial_<n>.yaml``, which brings the ``primary`` config where Hydra would leave that out."""
    metrics = ", ".join(f"{name} = {trial.metrics[name]:g}" for name in goals.names if name in trial.metrics)
    lines = [
        "# @package _global_",
        f"# Trial {trial.label}: {metrics}",
        f"# Run it again: {command}",
    ]
    if found.beside:
        lines.append(f"# (with {shlex.join(found.beside)}: a file cannot do that)")
    body: dict[str, Any] = {}
    defaults: list[Any] = [] if primary is None else [f"/{primary}"]
    defaults += [{f"/{group}": option} for group, option in found.added.items()]
    defaults += ["_self_"] if defaults else []
    defaults += [{f"override /{group}": option} for group, option in found.choices.items()]  # Hydra wants them last
    if defaults:
        body["defaults"] = defaults
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


def _choices(config: DictConfig) -> dict[str, Option]:
    """The task's config groups and their options; Hydra's own groups apart."""
    chosen = OmegaConf.to_container(config.hydra.runtime.choices)
    assert isinstance(chosen, dict)
    return {str(k): v for k, v in chosen.items() if not str(k).startswith("hydra/")}


def _option(option: Option) -> str:
    """The option as an override has it; Hydra takes null in a file alone."""
    return "[]" if option is None else as_text(option)


def _saved(directory: Path) -> dict[str, Any] | None:
    """The configuration that Hydra saved for a run; None where it is gone."""
    try:
        saved = OmegaConf.load(StringIO(read_text(directory / ".hydra" / "config.yaml")))
    except (OSError, ValueError, RecursionError, yaml.YAMLError, OmegaConfBaseException):
        return None
    return _content(saved) if isinstance(saved, DictConfig) else None


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
        if isinstance(value, dict) and isinstance(old, dict):
            inner, gone = _difference(old, value, f"{prefix}{key}.")
            removed += gone
            if inner:
                changed[key] = inner
        elif old is _MISSING or type(old) is not type(value) or old != value:
            changed[key] = value
    return changed, removed
