"""The command line ``python -m ax_mo`` and ``ax-mo``: which module does what was typed.

Nothing heavy is imported before a command is known to be wanted: ``--help`` and completion answer at once.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from ax_mo.cli.commands import make_parser
from ax_mo.cli.sweeps import sweeps, trial_number


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, 1 for an error that is told in one line, 2 for wrong usage."""
    if sys.stdout is None or sys.stderr is None:  # closed, as by >&-
        sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # one without the letters gets question marks, not an exception
            stream.reconfigure(errors="replace")
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:
        from ax_mo.cli.completion import complete

        complete(parser)
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        if not words and not sweeps():
            words = ["--help"]
        arguments = _parse(parser, words or ["status"])
    except SystemExit as exit_:
        return int(exit_.code or 0)
    try:
        module = import_module(f"ax_mo.cli.{_ELSEWHERE.get(arguments.command, arguments.command)}")
        getattr(module, f"{arguments.command}_command")(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # "| head" has seen enough; Python would complain once more when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _told(error)
    return 0


def _parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command. Raises SystemExit where they are wrong, as argparse does."""
    arguments, rest = parser.parse_known_args(words)
    after = () if getattr(arguments, "remove", None) is not None else _AFTER_SOURCE.keys() & vars(arguments).keys()
    for name in after:
        rest = _divide(arguments, name, rest)
    if rest:
        arguments.usage_error(f"unrecognized arguments: {' '.join(rest)}")
    return arguments


def _divide(arguments: argparse.Namespace, name: str, rest: Sequence[str]) -> list[str]:
    """Tell SOURCE from what follows it by what they are. Returns what is neither.

    argparse goes by how many there are, and gives what follows an option back in ``rest``.
    """
    metavar, is_one = _AFTER_SOURCE[name]
    value = getattr(arguments, name)
    several = isinstance(value, list)
    unknown = [word for word in rest if word.startswith("--")]
    given = [arguments.source, *(value if several else [value]), *rest]
    words = [word for word in given if word is not None and word not in unknown]
    is_newest = bool(words) and is_one(words[0]) and (several or len(words) == 1)
    arguments.source = None if is_newest or not words else words.pop(0)
    if not words:
        arguments.usage_error(f"the following arguments are required: {metavar}")
    setattr(arguments, name, words if several else words[0])
    return unknown if several else [*unknown, *words[1:]]


def _is_trial(word: str) -> bool:
    return trial_number(word) is not None


def _is_assignment(word: str) -> bool:
    return "=" in word and "://" not in word and not Path(word).exists()


_ELSEWHERE = {"report": "export", **dict.fromkeys(("enqueue", "stop", "pause", "resume", "set"), "steer")}
"""A command's module, where that is not the one of its name."""

_AFTER_SOURCE: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "trial": ("TRIAL", _is_trial),
    "trials": ("TRIAL", _is_trial),
    "overrides": ("KEY=VALUE", _is_assignment),
    "settings": ("SETTING=VALUE", _is_assignment),
}
"""Arguments before which SOURCE may be left out: what they are called, and whether a word is one."""


def _told(error: Exception) -> int:
    """Print an error that is a message to the user; raise any other."""
    from ax_mo.cli.shared import one_line
    from ax_mo.errors import AxMoError

    if not isinstance(error, AxMoError | OSError):
        raise error
    text = str(error)
    if isinstance(error, OSError):
        text = f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else "")
    print(f"ax-mo: {one_line(text)}", file=sys.stderr)
    return 1
