"""A trial as an experiment file of the project, ``pareto/trial_<n>.yaml``, and the command that runs it."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Trial
from ax_mo.hydra_project.ask import AskedProject
from ax_mo.hydra_project.config_diff import composed_run, config_differences, saved
from ax_mo.hydra_project.overrides import as_text, bare
from ax_mo.hydra_project.program import Program
from ax_mo.hydra_project.project import Project, without_hydra
from ax_mo.results.files import recipe_name

_MISSING = object()

DOES_NOT_COMPOSE = (HydraException, OmegaConfBaseException, yaml.YAMLError, TypeError, ValueError)
"""What composing may raise: Hydra lets some of Python's own errors through."""

# Besides one for each group. Groups that groups bring, and so on: no project nests them deeper.
_MOST_ROUNDS = 10

GroupOption = str | list[str] | None
"""Of a config group: one, several, or none."""


@dataclass(frozen=True)
class Recipe:
    """What changes in the project's plain config to make a trial's: options of config groups, then values."""

    options: Mapping[str, GroupOption]
    added: frozenset[str]
    """The groups among them that the plain config has not; with their options come the types of their configs."""
    values: dict[str, Any]
    hydra: Mapping[str, Any]
    """Settings of Hydra's own node that a run depends on, such as ``job.chdir``."""
    beside: tuple[str, ...]
    """Overrides that do what a file cannot: delete a key, or add one where the project's configs have a type."""

    def body(self, primary: str | None = None) -> str:
        """The experiment file as YAML; it brings the ``primary`` config where Hydra would leave that out."""
        defaults: list[Any] = [] if primary is None else [f"/{primary}"]
        defaults += [{f"/{group}": option} for group, option in self.options.items() if group in self.added]
        defaults += ["_self_"] if defaults else []
        overridden = {group: option for group, option in self.options.items() if group not in self.added}
        defaults += [{f"override /{group}": option} for group, option in overridden.items()]  # Hydra wants them last
        body = {"defaults": defaults, "hydra": self.hydra}
        content = {**{name: part for name, part in body.items() if part}, **self.values}
        return OmegaConf.to_yaml(OmegaConf.create(content)) if content else "{}\n"

    def with_additions_beside(
        self, overrides: Sequence[str], is_refused: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> "Recipe":
        """The same, with those overrides that add a key in the command, where the file's values alone are refused."""
        values, lines = self.values, []
        for override in OverridesParser.create().parse_overrides(list(overrides)):
            alone: dict[str, Any] = {}
            _pin(alone, values, override.key_or_group.split("."))
            if alone and (override.is_add() or override.is_force_add()) and is_refused(alone):
                lines.append(str(override.input_line))
                values, _ = _difference(alone, values)
        return replace(self, values=values, beside=(*self.beside, *lines))


class Recipes:
    """Writes the files under ``pareto/`` for one study."""

    def __init__(self, project: Project, goals: Goals, program: Program | None, sweep_dir: Path) -> None:
        self._project = project
        self._goals = goals
        self._program = program
        self._sweep_dir = sweep_dir
        self._plain_config: DictConfig | None = None
        self._primary: str | None = None
        self._known: dict[tuple[str, ...], Recipe] = {}
        """By directory and overrides of the trial."""

    def command(self, trial: Trial) -> str:
        """The line that runs the trial's point again, once and not as a sweep."""
        try:
            return self._command(trial, self._recipe(trial))
        except DOES_NOT_COMPOSE:
            return self._command(trial, None)

    def text(self, trial: Trial) -> str | None:
        """The content of ``pareto/trial_<n>.yaml``; None when the project no longer composes it."""
        try:
            found = self._recipe(trial)
            command = self._command(trial, found)
            body = found.body(self._primary)
        except DOES_NOT_COMPOSE:
            return None
        metrics = ", ".join(f"{name} = {trial.metrics[name]:g}" for name in self._goals.values if name in trial.metrics)
        return experiment_file([f"Trial {trial.label}: {metrics}", f"Run it again: {command}"], found.beside, body)

    def _recipe(self, trial: Trial) -> Recipe:
        key = (trial.directory, *trial.overrides)
        if key not in self._known:
            self._known[key] = self._make_recipe(trial)
        return self._known[key]

    def _make_recipe(self, trial: Trial) -> Recipe:
        # The project may have changed since it ran. Repeats, whose seeds differ, have saved theirs one level below.
        ran, ran_with = saved(self._sweep_dir / trial.directory), None
        if ran is not None:
            here, apart = composed_run(self._project.compose(trial.overrides)), _set_apart(trial)
            if config_differences(ran, here, apart)[0]:
                ran_with = ran.config
                for key in map(bare, apart):  # not the checkpoint that its last rung trained on from
                    OmegaConf.update(ran_with, key, OmegaConf.select(here.config, key), force_add=True)
        return recipe(self._project, trial.overrides, self._plain(), ran_with)

    def _command(self, trial: Trial, found: Recipe | None) -> str:
        more = [] if found is None else list(found.beside)
        more += ["hydra.mode=RUN"] if is_multirun(self._plain()) else []
        if self._program is not None:
            searched = [str(path) for path in self._plain().hydra.searchpath]
            return shlex.join(self._program.words([f"+pareto={recipe_name(trial)}", *more], self._sweep_dir, searched))
        return shlex.join(["--config-dir", str(self._sweep_dir), f"+pareto={recipe_name(trial)}", *more])

    def _plain(self) -> DictConfig:
        if self._plain_config is None:
            self._plain_config = self._project.compose_plain([])
            self._primary = dropped_primary(self._project, self._plain_config)
        return self._plain_config


def _set_apart(trial: Trial) -> tuple[str, ...]:
    return () if trial.budget is None else trial.budget.set_apart


def experiment_file(comments: Sequence[str], beside: Sequence[str], body: str) -> str:
    """The text of an experiment file with what is to be known of it, a line each."""
    note = [f"(with {shlex.join(beside)}: a file cannot do that)"] if beside else []
    return "\n".join(["# @package _global_", *(f"# {line}" for line in [*comments, *note])]) + f"\n\n{body}"


def dropped_primary(project: Project | AskedProject, plain: DictConfig) -> str | None:
    """The name of the primary config where Hydra would leave it out for ``+group=option``."""
    name = plain.hydra.job.config_name
    return str(name).removesuffix(".yaml") if name is not None and project.primary_is_dropped() else None


def is_multirun(plain: DictConfig) -> bool:
    """Whether the project's plain config says ``hydra.mode: MULTIRUN``."""
    return bool(_hydra(plain)["mode"] == "MULTIRUN")


def recipe(
    project: Project | AskedProject,
    overrides: Sequence[str],
    plain: DictConfig,
    ran_with: DictConfig | None = None,
    group: str | None = None,
) -> Recipe:
    """What must change in the project's plain config to give the trial's, experiment files included.

    The trial's own experiment files are not named: they would bring the sweep back. Their choices and values are.
    ``ran_with`` is the configuration that the trial ran with where that may be another than its overrides give here.
    ``group`` is the one that the file shall be an option of, which can be no other option then.
    What the overrides name is written even where the plain config says the same: it may say something else one day.
    Raises Hydra's exceptions when the trial itself no longer composes.
    """
    trial = project.compose(overrides)
    wanted = choices_of(trial)
    content = _content(trial if ran_with is None else ran_with)
    chosen = _chosen(project, plain, wanted, _lists(trial, overrides), group)
    values, removed = _difference(_content(chosen.config), content)
    named = named_in(overrides)
    there = choices_of(chosen.config)
    agreed = {g: there[g] for g in named if g in there and there[g] == wanted.get(g)}
    agreed.pop(group or "", None)
    for key in named:
        if key not in wanted and key not in chosen.options:
            _pin(values, content, key.split("."))
    of_hydra = _difference(_run_settings(plain), _run_settings(trial))[0]
    if is_multirun(plain) and hydra.__version__.startswith("1.3"):  # 1.4.0rc3 takes it in the primary config alone
        of_hydra["mode"] = "RUN"
    beside = tuple(f"~{key}" for key in removed)
    made = Recipe({**agreed, **chosen.options}, chosen.added, values, of_hydra, beside)
    return made.with_additions_beside(overrides, _is_refused_by(chosen.config))


def named_in(overrides: Sequence[str]) -> list[str]:
    """The keys and groups of the task's overrides; deletions and Hydra's own settings apart."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    keys = [override.get_key_element().lstrip("+") for override in parsed if not override.is_delete()]
    return [key for key in keys if not key.startswith(("hydra.", "hydra/"))]


def choices_of(config: DictConfig) -> dict[str, GroupOption]:
    """The task's config groups and their options; Hydra's own groups apart."""
    chosen = OmegaConf.to_container(config.hydra.runtime.choices)
    assert isinstance(chosen, dict)
    return {str(k): v for k, v in chosen.items() if not str(k).startswith("hydra/")}


def _is_refused_by(config: DictConfig) -> Callable[[dict[str, Any]], bool]:
    open_config = without_hydra(config).copy()
    OmegaConf.set_struct(open_config, None)  # a type is still closed

    def is_refused(value: dict[str, Any]) -> bool:
        try:
            OmegaConf.merge(open_config, value)
        except OmegaConfBaseException:
            return True
        return False

    return is_refused


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
    """Options of config groups, which of these the plain config has not, and what they compose to."""

    config: DictConfig
    options: Mapping[str, GroupOption] = field(default_factory=dict)
    added: frozenset[str] = frozenset()


def _chosen(
    project: Project | AskedProject,
    plain: DictConfig,
    wanted: Mapping[str, GroupOption],
    lists: Mapping[str, GroupOption],
    apart: str | None,
) -> _Chosen:
    """The choices that bring the plain config to the trial's groups and options, ``apart`` not among them.

    A choice may bring groups of its own, and change others (``override /optim: sgd`` in a preset): composed again
    until all groups agree. ``lists`` are options that Hydra does not note.
    """
    own = choices_of(plain).get(apart or "")
    without = [f"~{apart}"] if own not in (None, "???") else []

    def composed(more: Mapping[str, GroupOption], added: frozenset[str]) -> _Chosen | None:
        """None where that does not compose without the trial's other overrides, or brings the sweep back."""
        options = {**chosen.options, **more}
        lines = [f"{'+' if group in added else ''}{group}={_option(option)}" for group, option in options.items()]
        try:
            config = project.compose_plain([*without, *lines])
        except DOES_NOT_COMPOSE:
            return None
        return _Chosen(config, options, added) if _sweep(config) == _sweep(plain) else None

    chosen = _Chosen(project.compose_plain(without) if without else plain)
    left_out = {apart}  # and groups whose options are experiment files of sweeps, or do not compose here
    for _ in range(_MOST_ROUNDS + len(wanted)):
        there, added = choices_of(chosen.config), chosen.added
        missing = {g: o for g, o in wanted.items() if g not in left_out and there.get(g) != o}
        wrong = {g: o for g, o in missing.items() if g in there}
        tries = [wrong, *({g: o} for g, o in wrong.items())]
        if not missing:
            break
        if not wrong:
            outer = min(missing, key=lambda group: group.count("/"))
            tries, added = [{outer: missing[outer]}], added | {outer}
        usable = next(filter(None, (composed(more, added) for more in tries)), None)
        if usable is None:
            left_out.update(tries[0])
        else:
            chosen = usable
    return (composed(lists, chosen.added) if lists else None) or chosen


def _lists(trial: DictConfig, overrides: Sequence[str]) -> dict[str, GroupOption]:
    """The lists of options that the trial was given, such as ``callbacks=[a,b]``: of a key, a list is its value."""
    lists: dict[str, GroupOption] = {}
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        value, key = override.value(), override.key_or_group.replace("/", ".")
        if isinstance(value, list) and not (override.is_add() or isinstance(OmegaConf.select(trial, key), ListConfig)):
            lists[override.get_key_element()] = value
    return lists


def _hydra(config: DictConfig) -> dict[Any, Any]:
    content = OmegaConf.to_container(config.hydra, resolve=False, enum_to_str=True)
    assert isinstance(content, dict)
    return content


def _sweep(config: DictConfig) -> list[Any]:
    """What a config says of how to sweep."""
    content = _hydra(config)
    return [content[key] for key in ("mode", "sweeper", "launcher", "sweep")]


def _run_settings(config: DictConfig) -> dict[str, Any]:
    """What a config says of how Hydra runs a job; the recorder apart."""
    content = _hydra(config)
    job = {key: content["job"][key] for key in ("chdir", "env_set", "env_copy")}
    callbacks = {name: value for name, value in content["callbacks"].items() if name != "ax_mo"}
    return {"job": job, "callbacks": callbacks}


def _option(option: GroupOption) -> str:
    """The option as an override has it; Hydra takes null in a file alone."""
    return "[]" if option is None else as_text(option)


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
