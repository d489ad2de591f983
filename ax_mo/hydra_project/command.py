"""The user's own command line, to be run again for one trial."""

import os
import re
import shlex
import stat
import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser

from ax_mo.core.urls import redacted_words
from ax_mo.errors import NotRerunnableError
from ax_mo.hydra_project.compat import flags_parser
from ax_mo.hydra_project.overrides import quoted
from ax_mo.hydra_project.start import start_of
from ax_mo.trial.files import (
    COMMAND,
    OF_A_TRIAL,
    OF_AN_ATTEMPT,
    SCHEMA,
    SPEC,
    STDERR,
    STDOUT,
    remove,
    remove_unfinished,
    remove_unless_file,
    write_atomically,
    write_json,
)
from ax_mo.trial.metric_sources.files import sizes_of_logs

RECORDER = "ax_mo.trial.recorder.ResultRecorder"

_PLAIN = re.compile(r"/[\w./@+-]+|0|[1-9]\d*", re.ASCII)

# The sweep's own part of a command line; everything else of Hydra's is passed on to the trials.
_SWEEP_ONLY = (
    "hydra/sweeper",
    "hydra.sweeper",
    "hydra/launcher",
    "hydra.launcher",
    "hydra.mode",
    "hydra.sweep.",
    "hydra.run.dir",
    "hydra.job.num",
    "hydra.job.id",
)


@dataclass(frozen=True)
class Program:
    """How this process was started: interpreter, script, Hydra's flags, and the overrides for Hydra itself."""

    prefix: tuple[str, ...]
    """Interpreter, its options, and the script, ``-m module`` or ``-c code``."""
    flags: tuple[str, ...]
    """``--config-name`` and the like."""
    hydra_overrides: tuple[str, ...]
    """Overrides of Hydra's own node that trials keep, such as ``hydra.job.chdir=true``."""
    arguments: tuple[str, ...]
    """The user's arguments as they were typed."""
    cwd: Path = field(default_factory=Path.cwd)
    """Where this process was started, also if the program has changed directory since."""
    absolute: str | None = None
    """What names the program from anywhere, where that is not as in ``prefix``."""
    python: str = field(default_factory=lambda: sys.orig_argv[0])
    """The interpreter as people type it."""

    def as_json(self) -> dict[str, Any]:
        """What starts the program elsewhere and later, without the arguments of the sweep."""
        return {**asdict(self), "cwd": str(self.cwd), "arguments": ()}

    @staticmethod
    def from_json(known: Mapping[str, Any]) -> "Program":
        """Raises LookupError or TypeError where a field is missing or another one is there."""
        words = {name: tuple(known[name]) for name in ("prefix", "flags", "hydra_overrides", "arguments")}
        return Program(**{**known, **words, "cwd": Path(known["cwd"])})

    @staticmethod
    def from_line(line: str, cwd: Path) -> "Program":
        """Of a study that kept only the line for a point of its front, ``... --config-dir <sweep> +pareto=...``."""
        words = shlex.split(line)
        at = words.index("--config-dir")
        (executable, *prefix), flags = split_argv(words[:at])
        python = words[0] if Path(words[0]).is_absolute() else executable
        overrides = tuple(word for word in words[at + 2 :] if not word.startswith("+pareto="))
        return Program((python, *prefix), tuple(flags), overrides, (), cwd, None, words[0])

    def command(
        self, overrides: Sequence[str], run_dir: Path, sweep_dir: Path, subdir: str, number: int, job_id: str
    ) -> list[str]:
        """The argv of one trial. ``hydra.mode=RUN`` keeps a trial from sweeping, whatever its config says."""
        return [
            *self.start,
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

    @property
    def start(self) -> list[str]:
        """The words that start the program from anywhere, its flags and overrides apart."""
        return [*self.prefix[:-1], self.absolute or self.prefix[-1]]

    @property
    def search_path(self) -> list[str]:
        """``hydra.searchpath`` as the command line gave it."""
        overrides = OverridesParser.create().parse_overrides(list(self.hydra_overrides))
        given = [override.value() for override in overrides if override.key_or_group == "hydra.searchpath"]
        return [str(path) for value in given for path in (value if isinstance(value, list) else [value])]

    def with_python(self, python: str) -> "Program":
        """The program whose trials run in another interpreter than this one, if one is given."""
        return replace(self, prefix=(python, *self.prefix[1:]), python=python) if python else self

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
        search = [f"hydra.searchpath=[{','.join(map(quoted, paths))}]"] if paths else []
        return [self.python, *self.prefix[1:], *flags, *search, *overrides]

    def pareto_command(self, sweep_dir: Path, name: str, more: Sequence[str] = (), searched: Sequence[str] = ()) -> str:
        """The line that runs a point of the front again; ``more`` are further overrides."""
        return shlex.join(self.words([f"+pareto={name}", *more], sweep_dir, searched))

    def resume_command(self, sweep_dir: Path) -> str:
        """The line that continues the study in ``sweep_dir``, for a shell; without passwords of databases."""
        kept = [a for a in self.arguments if not a.lstrip("+").startswith("hydra.sweep.dir=")]
        line = [sys.orig_argv[0], *self.prefix[1:], *kept, f"hydra.sweep.dir={override_value(str(sweep_dir))}"]
        return shlex.join(redacted_words(line))


def this_program(task_overrides: Sequence[str], hydra_overrides: Sequence[str]) -> Program:
    """How to start this program again. Raises NotRerunnableError for one that cannot be.

    ``task_overrides`` and ``hydra_overrides`` are what Hydra was given; unless the command line says the same, this
    is a program in which something else calls Hydra.
    """
    prefix, arguments = split_argv(sys.orig_argv)
    if "-" in prefix:  # read from stdin, which nobody can read again
        raise NotRerunnableError(_EXPLANATION)
    parsed = _parse(sys.argv[1:])
    given = [*task_overrides, *hydra_overrides]
    if parsed is None or _without_mode(_expanded(parsed.overrides)) != _without_mode(given):
        raise NotRerunnableError(_EXPLANATION)
    if Path(sys.argv[0]).name.startswith(("ipykernel", "colab_kernel")) or "ipykernel" in sys.modules:
        raise NotRerunnableError(_EXPLANATION)
    typed = _parse(arguments)
    if typed is None:
        raise NotRerunnableError(_EXPLANATION)
    # A script that edits sys.argv will do so again in the trial, and may add "-m" there: then the trial needs the
    # same sweeper and launcher, which run the one job in place.
    edited = list(arguments) != sys.argv[1:]
    dropped = tuple(p for p in _SWEEP_ONLY if not (edited and p in ("hydra/sweeper", "hydra/launcher")))
    kept = [line for line in _expanded(typed.overrides) if line.lstrip("+~").startswith(("hydra.", "hydra/"))]
    kept = [line for line in kept if not line.lstrip("+~").startswith(dropped)]
    absolute, cwd = start_of(prefix[-1])
    return Program(tuple(prefix), tuple(_flags(typed)), tuple(kept), tuple(arguments), cwd, absolute)


_EXPLANATION = (
    "The torchx launcher runs each job by starting this program's command again, and this program cannot be started "
    "that way: Hydra was not called from its command line (a notebook, or a task inside another program). Use "
    "hydra/launcher=basic or hydra/launcher=joblib instead."
)


def prepare_directory(directory: Path, spec: dict[str, Any], argv: Sequence[str] | None, cwd: Path, title: str) -> None:
    """Write what a job and its reader need; remove what an earlier attempt left. ``argv`` where there is a command."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in OF_AN_ATTEMPT:
        remove(directory / name)
    for name in (SPEC, COMMAND, STDOUT, STDERR):
        remove_unless_file(directory / name)
    remove_unfinished(directory, OF_A_TRIAL.__contains__)
    logs = sizes_of_logs(directory)
    write_json(directory / SPEC, {"schema": SCHEMA, **spec, **({"logs": logs} if logs else {})})
    if argv is not None:
        write_command(directory, argv, cwd, title)


def make_room(directory: Path) -> None:
    """See to it that an attempt finds a directory, whatever the last one has put there or taken away. Raises OSError.

    What is in the way is kept under another name.
    """
    try:
        mode = directory.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(mode):
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            directory.chmod(mode | stat.S_IRWXU)
        return
    aside = directory.with_name(f"{directory.name}.replaced-{time.time():.0f}")
    directory.rename(aside)


def write_command(directory: Path, argv: Sequence[str], cwd: Path, title: str) -> None:
    """``command.sh``: the job's exact command, to be run or pasted by hand."""
    text = f"#!/bin/sh\n# {title}: this is its exact command.\ncd {shlex.quote(str(cwd))} &&\nexec {shlex.join(argv)}\n"
    write_atomically(directory / COMMAND, text)


def split_argv(orig_argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """``sys.orig_argv`` as the part that names the program, and its arguments."""
    arguments = list(orig_argv)
    position = 1
    while position < len(arguments):
        word = arguments[position]
        if word == "--check-hash-based-pycs":
            position += 2
        elif word.startswith("--") or not word.startswith("-") or word == "-":
            break
        else:
            ends, takes_next = _short_options(word)
            position += 1 + takes_next
            if ends:
                return [sys.executable, *arguments[1:position]], arguments[position:]
    return [sys.executable, *arguments[1 : position + 1]], arguments[position + 1 :]


def _short_options(word: str) -> tuple[bool, bool]:
    """Whether this cluster of Python's options names the program (-m, -c), and whether it takes the next word."""
    for index, letter in enumerate(word[1:], start=1):
        last = index == len(word) - 1
        if letter in "mc":
            return True, last
        if letter in "WX":
            return False, last
    return False, False


def _parse(arguments: Sequence[str]) -> Namespace | None:
    parser = flags_parser()
    try:
        # Hydra 1.4 takes overrides before and after flags; 1.3 has refused such a line before it comes to us.
        known, unknown = parser.parse_known_intermixed_args(list(arguments))
    except SystemExit:
        return None
    return None if unknown else known


def _expanded(overrides: Sequence[str]) -> list[str]:
    """The overrides as Hydra hands them to a sweeper: from 1.4 on, ``hydra.aliases`` are replaced by what they mean."""
    hydra = GlobalHydra.instance().hydra
    aliases_of = getattr(hydra.config_loader if hydra else None, "get_override_aliases", None)
    if aliases_of is None or not HydraConfig.initialized():
        return list(overrides)
    aliases = aliases_of(HydraConfig.get().job.config_name)
    return [aliases.expand(line) for line in overrides]


def _flags(parsed: Namespace) -> list[str]:
    """Hydra's flags that belong to a trial too: where its configs are."""
    flags: list[str] = []
    for name in ("config_path", "config_name", "config_dir"):
        value = getattr(parsed, name, None)
        if value is not None:
            flags += [
                f"--{name.replace('_', '-')}",
                os.path.abspath(value) if name == "config_dir" else value,  # noqa: PTH100
            ]
    return flags


def _without_mode(overrides: Sequence[str]) -> list[str]:
    return sorted(line for line in overrides if not line.startswith("hydra.mode="))


def override_value(text: str) -> str:
    """A path or number as an override value, quoted only where it must be.

    A directory is no interpolation, even if its name looks like one.
    """
    if _PLAIN.fullmatch(text):
        return text
    # In OmegaConf's grammar a backslash escapes the interpolation, and itself before one.
    return quoted(re.sub(r"(\\*)\$\{", lambda match: 2 * match[1] + "\\${", text))
