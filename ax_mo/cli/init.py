"""``init``: a first experiment file for a project, or one made of another sweeper's, and the schema that checks it."""

import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ax_mo.cli.promoted_place import Place, place_of
from ax_mo.cli.shared import new_file, say, say_exactly
from ax_mo.errors import AxMoError
from ax_mo.experiment_file.json_schema import SCHEMA_FILE, put_schema_beside, schema_text
from ax_mo.experiment_file.objectives import ProposedObjectives, propose_objectives
from ax_mo.experiment_file.sources import read_sources
from ax_mo.experiment_file.space import ProposedSpace, propose_space
from ax_mo.experiment_file.text import ExperimentFile
from ax_mo.experiment_file.translated import translated_file
from ax_mo.hydra_project.ask import AskedProject, NotComposed
from ax_mo.hydra_project.project import active_groups, without_hydra
from ax_mo.hydra_project.saved import config_directories, sources_of
from ax_mo.hydra_project.typed_program import TypedProgram, typed_program
from ax_mo.trial.files import write_atomically

_OPTION = "search"
_SWEEPER = "hydra/sweeper=ax_mo"
_SEARCHES = ("experiment", "hparams_search")
"""Groups in which projects keep such files; the first, where a project has neither."""


def init_command(arguments: Namespace) -> None:
    """Write a first experiment file, or the schema of one."""
    given = _own_options(arguments)
    if given.json_schema is not None:
        return _json_schema(given.json_schema, given.force)
    if given.from_file is not None:
        return _from_file(Path(given.from_file), given)
    if not given.program:
        raise AxMoError("Name the program that trains, as you start it: ax-mo init python train.py")
    project = _ask(typed_program(given.program, Path.cwd()))
    target = new_file(str(given.to or project.default_file()), given.force, make_directory=given.to is None)
    place = place_of(target, project.roots)
    for command in project.commands(place):
        made = ExperimentFile(project.objectives, project.space, shlex.join(command), SCHEMA_FILE)
        write_atomically(target, made.text())
        doubt = project.doubt(command)
        if doubt is None:
            break
    put_schema_beside(target)
    say(f"{target}: {_counted(made)}")
    _say_what_is_open(made)
    if doubt is not None:
        say(f"Warning: {doubt}")
    say(f"Look at it first: {made.command} hydra.sweeper.dry_run=true")
    say(f"Run it:           {made.command}")


def _from_file(source: Path, given: Namespace) -> None:
    """To ``--to``, or among the configs of the program that is named; where neither is given, to the output."""
    text = translated_file(source)
    if given.to is None and not given.program:
        return say_exactly(text)
    to = given.to or _ask(typed_program(given.program, Path.cwd())).default_file()
    target = new_file(str(to), given.force, make_directory=given.to is None)
    write_atomically(target, text)
    put_schema_beside(target)
    return say(f"{target}: its comments say what could not be translated. Try it with hydra.sweeper.dry_run=true.")


def _json_schema(file: str, force: bool) -> None:
    if file == "-":
        return say_exactly(schema_text())
    target = new_file(file, force)
    if target.suffix != ".json":
        raise AxMoError(f"{target} is no name for a schema: name a file that ends in .json.")
    write_atomically(target, schema_text())
    return say(f"{target}: name it in a file's second line, # yaml-language-server: $schema={target.name}")


def _own_options(arguments: Namespace) -> Namespace:
    """``--to`` and ``--force`` after the program as well: no Hydra program has flags of these names."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--to", default=arguments.to)
    parser.add_argument("--from", dest="from_file", default=arguments.from_file)
    parser.add_argument("--force", action="store_true", default=arguments.force)
    known, rest = parser.parse_known_args(arguments.program)
    return Namespace(**{**vars(arguments), **vars(known), "program": rest})


@dataclass(frozen=True)
class _Project:
    """What the program says of itself."""

    typed: TypedProgram
    asked: AskedProject
    config: DictConfig
    objectives: ProposedObjectives
    space: ProposedSpace

    @property
    def roots(self) -> tuple[Path, ...]:
        """The directories of the project's own configs, those of installed packages apart."""
        found = config_directories(sources_of(self.config), self.typed.program)
        return tuple(root for root in found if "site-packages" not in root.parts)

    def default_file(self) -> Path:
        """``experiment/search.yaml`` of the project's own configs, or below ``conf`` where it has none."""
        groups = active_groups(self.config)
        group = next((name for name in _SEARCHES if name in groups), _SEARCHES[0])
        root = self.roots[0] if self.roots else self.typed.program.cwd / "conf"
        return root / group / f"{_OPTION}.yaml"

    def commands(self, place: Place) -> list[list[str]]:
        """Lines that may run the file, the shortest first: where the project has chosen a sweeper, the line must."""
        typed = self.typed
        key = place.group if place.group in active_groups(self.config) else f"+{place.group}"
        flags = list(typed.program.flags)
        if place.config_dir is not None and "--config-dir" not in flags:
            near = place.config_dir.is_relative_to(typed.program.cwd)
            flags += [
                "--config-dir",
                str(place.config_dir.relative_to(typed.program.cwd) if near else place.config_dir),
            ]
        line = [*typed.words, "-m", *flags, *typed.overrides]
        sweepers = [[]] if _SWEEPER in typed.overrides else [[], [_SWEEPER]]
        return [[*line, *sweeper, f"{key}={place.option}"] for sweeper in sweepers]

    def doubt(self, command: Sequence[str]) -> str | None:
        """Why the program does not sweep so, as it says itself; None where it does."""
        arguments = command[len(self.typed.words) + 1 :]
        try:
            config = self.asked.answer(arguments)
        except HydraException as error:
            return f"the program does not compose with it: {error}"
        if not str(OmegaConf.select(config, "hydra.sweeper._target_")).endswith(".AxMoSweeper"):
            return "the program's own configuration chooses another sweeper."
        lost = sorted({str(key) for key in self.config} - {str(key) for key in config})
        if lost:
            return (
                f"Hydra leaves out all that the project's primary config says ({', '.join(lost[:3])}): its defaults "
                "list holds overrides only. Write '- _self_' as the first line of that list."
            )
        return None


def _ask(typed: TypedProgram) -> _Project:
    """Raises AxMoError where the program does not compose, not even with our sweeper in place of one that it names."""
    asked = AskedProject(typed.program, {}, typed.overrides)
    try:
        config = asked.answer(typed.arguments)
    except NotComposed as error:
        typed = replace(typed, overrides=(*typed.overrides, _SWEEPER))
        try:
            config = asked.answer(typed.arguments)
        except NotComposed:
            more = f" Add {error.missing}=... behind the program." if error.missing else ""
            raise AxMoError(f"'{shlex.join(typed.words)}' does not compose: {error}{more}") from None
    content: Any = OmegaConf.to_container(without_hydra(config), resolve=False)
    objectives = propose_objectives(content, read_sources(typed.program, content))
    return _Project(typed, asked, config, objectives, propose_space(asked, typed, config))


def _counted(made: ExperimentFile) -> str:
    names = " and ".join(f"{one.goal} {one.name}" for one in made.objectives.objectives)
    return f"{names} over {made.space.size} parameters"


def _say_what_is_open(made: ExperimentFile) -> None:
    if made.objectives.is_guess:
        say("No metric was found in the source: name one under objectives that the task returns or logs.")
    if not made.space.size:
        say("Nothing was found that looks worth a search: name it under params.")
