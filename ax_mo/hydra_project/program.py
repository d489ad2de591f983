"""How the user's program is started: the command of a trial, and the lines for people that resume or run again."""

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from ax_mo.core.trial import TrialRun
from ax_mo.core.urls import redacted_words
from ax_mo.errors import NotRerunnableError
from ax_mo.hydra_project.overrides import as_text, override_value, path_value

RECORDER = "ax_mo.trial.recorder.ResultRecorder"


@dataclass(frozen=True)
class Program:
    """How this process was started: interpreter, script, Hydra's flags, and the overrides for Hydra itself."""

    prefix: tuple[str, ...]
    """Interpreter, its options, and the script, ``-m module`` or ``-c code``."""
    flags: tuple[str, ...]
    """``--config-name`` and the like."""
    hydra_overrides: tuple[str, ...]
    """Overrides of Hydra's own node that trials keep, such as ``hydra.job.chdir=true``."""
    typed: tuple[str, ...]
    """The command of the sweep as its user typed it: interpreter, program and arguments."""
    cwd: Path = field(default_factory=Path.cwd)
    """Where this process was started, also if the program has changed directory since."""
    absolute: str | None = None
    """What names the program from anywhere, where that is not as in ``prefix``."""
    python: str = field(default_factory=lambda: sys.orig_argv[0])
    """The interpreter as people type it."""
    torchrun: tuple[str, ...] = ()
    """What starts a trial's processes, between the interpreter's options and the program."""

    def as_json(self) -> dict[str, Any]:
        """What starts the program elsewhere and later, without passwords of databases."""
        return {**asdict(self), "cwd": str(self.cwd), "typed": redacted_words(list(self.typed))}

    @staticmethod
    def from_json(known: Mapping[str, Any]) -> "Program":
        """Raises LookupError or TypeError where something is missing."""
        there = {each.name: known[each.name] for each in fields(Program) if each.name in known}
        words = {name: tuple(value) for name, value in there.items() if isinstance(value, list)}
        return Program(**{**there, **words, "cwd": Path(known["cwd"])})

    @staticmethod
    def from_lines(pareto: str, resume: str, cwd: Path) -> "Program":
        """Of a study of an earlier version, which kept two lines for the shell alone.

        ``pareto`` runs a point of the front again, ``... --config-dir <sweep> +pareto=...``. Raises ValueError.
        """
        words = shlex.split(pareto)
        at = words.index("--config-dir")
        (executable, *prefix), flags = split_argv(words[:at])
        python = words[0] if Path(words[0]).is_absolute() else executable
        overrides = tuple(word for word in words[at + 2 :] if not word.startswith("+pareto="))
        return Program((python, *prefix), tuple(flags), overrides, tuple(shlex.split(resume)), cwd, None, words[0])

    def command(
        self, overrides: Sequence[str], run_dir: Path, sweep_dir: Path, subdir: str, number: int, job_id: str
    ) -> list[str]:
        """The argv of one trial. ``hydra.mode=RUN`` keeps a trial from sweeping, whatever its config says."""
        arguments = [
            *self.flags,
            *overrides,
            *self.hydra_overrides,
            "hydra.mode=RUN",
            f"hydra.run.dir={override_value(str(run_dir))}",
            f"hydra.sweep.dir={override_value(str(sweep_dir))}",
            f"hydra.sweep.subdir={override_value(subdir)}",
            f"hydra.job.num={number}",
            f"hydra.job.id={override_value(job_id)}",
            f"++hydra.callbacks.ax_mo._target_={RECORDER}",
        ]
        return [*self.start, *self._for_torchrun(arguments)]

    def command_of(self, run: TrialRun, sweep_dir: Path) -> list[str]:
        """The argv of one run of a study."""
        job_id = f"{run.number}" if run.repeat is None else f"{run.number}.{run.repeat}"
        return self.command(run.overrides, sweep_dir / run.directory, sweep_dir, run.directory, run.number, job_id)

    @property
    def start(self) -> list[str]:
        """The words that start the program from anywhere, its flags and overrides apart."""
        return [self.prefix[0], *self._after_python(self.absolute or self.prefix[-1])]

    def _after_python(self, program: str) -> list[str]:
        if not self.torchrun:
            return [*self.prefix[1:-1], program]
        options, is_module = interpreter_options(self.prefix)
        return [*options, *self.torchrun, *(["-m"] if is_module else []), program]

    def _for_torchrun(self, arguments: Sequence[str]) -> list[str]:
        """torchrun makes one dollar of two, and a number of ``$local_rank``."""
        return [word.replace("$", "$$") for word in arguments] if self.torchrun else list(arguments)

    @property
    def search_path(self) -> list[str]:
        """``hydra.searchpath`` as the command line gave it."""
        overrides = OverridesParser.create().parse_overrides(list(self.hydra_overrides))
        given = [override.value() for override in overrides if override.key_or_group == "hydra.searchpath"]
        return [str(path) for value in given for path in (value if isinstance(value, list) else [value])]

    def with_python(self, python: str) -> "Program":
        """The program whose trials run in another interpreter than this one, if one is given."""
        return replace(self, prefix=(python, *self.prefix[1:]), python=python) if python else self

    def with_processes(self, nnodes: int, nproc_per_node: int) -> "Program":
        """The program of whose trials each is so many processes. Raises NotRerunnableError where it cannot be."""
        if nnodes == nproc_per_node == 1:
            return self
        if "-c" in self.prefix[1:-1]:
            raise NotRerunnableError(
                "torchrun starts a script or a module, and this program is the text of 'python -c'."
            )
        where = ["--standalone"] if nnodes == 1 else [f"--nnodes={nnodes}"]
        words = ("-m", "torch.distributed.run", *where, f"--nproc-per-node={nproc_per_node}")
        return replace(self, torchrun=words)

    def words(
        self, overrides: Sequence[str], config_dir: Path | None = None, searched: Sequence[str] = ()
    ) -> list[str]:
        """A command for people, to be run where this program was started: one run with these overrides.

        ``config_dir`` is one more directory of configs, and ``searched`` the sweep's ``hydra.searchpath``, which a path
        on the command line replaces.
        """
        flags = list(self.flags)
        paths: list[str] = []
        if config_dir is not None:
            if "--config-dir" in flags:  # there can be only one; the user's own becomes a search path
                at = flags.index("--config-dir")
                paths.append(f"file://{flags[at + 1]}")
                del flags[at : at + 2]
                paths += searched
            flags += ["--config-dir", str(config_dir)]
        paths += [path for path in self.search_path if path not in paths]
        search = [f"hydra.searchpath=[{','.join(map(path_value, paths))}]"] if paths else []
        return [self.python, *self._after_python(self.prefix[-1]), *self._for_torchrun([*flags, *search, *overrides])]

    def with_settings(self, node: str, values: Mapping[str, Any]) -> "Program":
        """The program whose command line gives these settings below ``node``, whatever it gave before."""
        keys = tuple(f"{node}.{name}=" for name in values)
        kept = [word for word in self.typed if not word.lstrip("+").startswith(keys)]
        return replace(self, typed=(*kept, *(f"{node}.{name}={as_text(value)}" for name, value in values.items())))

    def resume_words(self, sweep_dir: Path) -> list[str]:
        """The command that continues the study in ``sweep_dir``, without passwords of databases."""
        kept = [word for word in self.typed if not word.lstrip("+").startswith("hydra.sweep.dir=")]
        return redacted_words([*kept, f"hydra.sweep.dir={override_value(str(sweep_dir))}"])


def how_to_resume(program: Program | None, sweep_dir: Path) -> str:
    """The line for a shell that continues the study; in words where its program cannot be started again."""
    if program is None:
        return f"sweep again with hydra.sweep.dir={sweep_dir}"
    return shlex.join(program.resume_words(sweep_dir))


def interpreter_options(prefix: Sequence[str]) -> tuple[list[str], bool]:
    """Of a prefix that ends with a program: what is between, without ``-m``, and whether the program is a module."""
    options = list(prefix[1:-1])
    if options and not options[-1].startswith("--") and options[-1].endswith("m"):
        letters = options.pop().removesuffix("m")
        return [*options, *([letters] if letters != "-" else [])], True
    return options, False


def split_argv(orig_argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """``sys.orig_argv`` as the part that names the program, and its arguments."""
    words = list(orig_argv)
    position = 1
    while position < len(words) and words[position].startswith("-") and words[position] != "-":
        if words[position] == "--check-hash-based-pycs":
            position += 2
            continue
        # A cluster of Python's options. One with a value ends it; the value may be the next word, or the program.
        option = re.fullmatch(r"-[^mcWX]*([mcWX]?)(.*)", words[position], re.DOTALL)
        assert option is not None
        letter, value = option.groups()
        position += 2 if letter and not value else 1
        if letter in ("m", "c"):
            return [sys.executable, *words[1:position]], words[position:]
    return [sys.executable, *words[1 : position + 1]], words[position + 1 :]
