"""A Hydra program as a person types it to start it: ``python train.py model=cnn``, ``train.py`` or a console script."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ax_mo.errors import AxMoError
from ax_mo.hydra_project.program import Program, split_argv
from ax_mo.hydra_project.this_program import config_flags, parse_arguments


@dataclass(frozen=True)
class TypedProgram:
    """How the program is started, without Hydra's flags and overrides; these apart; and the words as typed."""

    program: Program
    overrides: tuple[str, ...]
    words: tuple[str, ...]
    """Those that name the program, for a command that people read."""

    @property
    def arguments(self) -> list[str]:
        """What it is asked with: where its configs are, and the overrides."""
        return [*self.program.flags, *self.overrides]


def typed_program(words: Sequence[str], cwd: Path) -> TypedProgram:
    """Raises AxMoError for words that name no Python program, or arguments that Hydra would refuse."""
    if words[0].endswith(".py"):
        words = ["python", *words]
    name = Path(words[0]).name
    if name.startswith("python"):
        prefix, arguments = split_argv(words)
        # By its bare name, the one that runs this: ax_mo is installed in the environment that trains.
        prefix[0] = words[0] if "/" in words[0] else sys.executable
    else:
        script = shutil.which(words[0], path=None) or shutil.which(str(cwd / words[0]))
        if script is None or not _is_python(Path(script)):
            raise AxMoError(
                f"'{words[0]}' is no Python program: write the words that start your training, such as "
                "'ax-mo init python train.py', 'ax-mo init python -m package.train' or a console script."
            )
        prefix, arguments = [sys.executable, script], list(words[1:])
    if len(prefix) < 2 or prefix[-1] == name:
        raise AxMoError("The program is missing: write for example 'ax-mo init python train.py'.")
    if prefix[-1].endswith(".py") and not (cwd / prefix[-1]).is_file():
        raise AxMoError(f"There is no {prefix[-1]} in {cwd}.")
    parsed = parse_arguments(arguments)
    if parsed is None:
        raise AxMoError(f"Hydra does not take these arguments: {' '.join(arguments)}")
    typed = tuple(words[: len(words) - len(arguments)])
    program = Program(tuple(prefix), tuple(config_flags(parsed)), (), (), cwd, python=typed[0])
    return TypedProgram(program, tuple(parsed.overrides), typed)


def _is_python(script: Path) -> bool:
    """Whether it is a script for Python, as installers write them for ``[project.scripts]``."""
    try:
        with script.open("rb") as file:
            first = file.readline(512)
    except OSError:
        return False
    return first.startswith(b"#!") and (b"python" in first or b"/sh" in first)
