"""``completion``: what a shell offers at TAB. Each TAB is a process of its own, so nothing heavy is imported here."""

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import argcomplete
from argcomplete.completers import DirectoriesCompleter
from argcomplete.shell_integration import shellcode

from ax_mo.cli.sweeps import sweeps, table, trial_number
from ax_mo.html_report import SHOWN_BY

_METRIC, _PARAMETER = "metrics.", "params."
_SHOWN = 3
"""Metrics in the description of a trial."""


def completion_command(arguments: Namespace) -> None:
    """Print the script for the shell."""
    print(shellcode(["ax-mo"], shell=arguments.shell), end="")


def complete(parser: ArgumentParser) -> None:
    """Answer the script of ``completion_command``: write what may stand at the cursor, and end the process."""
    for command in _commands(parser):
        for action in command._actions:
            found = _COMPLETERS.get(str(action.metavar))
            if found is not None:
                action.completer = found  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options=False)


def _commands(parser: ArgumentParser) -> Iterator[ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def _words(given: Namespace) -> list[str]:
    """Arguments without an option's name that have been typed, SOURCE being the first."""
    found: list[str] = []
    for name in ("source", "trial", "trials", "overrides", "settings", "sources"):
        value = getattr(given, name, None)
        found += value if isinstance(value, list) else [value] if value else []
    return found


def _sweep(given: Namespace) -> Path | None:
    """The directory of the sweep that was typed, or the newest."""
    for word in _words(given):
        path = Path(word).expanduser()
        if path.exists():
            return path if path.is_dir() else path.parent
    return next(iter(sweeps()), None)


def _directories(prefix: str, parsed_args: Namespace, action: argparse.Action, **_: object) -> Mapping[str, str]:
    if _words(parsed_args) and action.nargs != "+":
        return {}
    # Where SOURCE may be left out, a figure may come first.
    figures = SHOWN_BY if parsed_args.command == "plot" and action.nargs == "?" else {}
    found = [str(path) for path in sweeps()] + list(figures)
    found = [word for word in found if word.startswith(prefix)] or list(DirectoriesCompleter()(prefix=prefix))
    return {word: figures.get(word, "") for word in found}


def _figures(**_: object) -> Mapping[str, str]:
    return SHOWN_BY


def _parameter_list(prefix: str, parsed_args: Namespace, **_: object) -> list[str]:
    """Parameters, each behind those that are there already and a comma."""
    before, comma, _last = prefix.rpartition(",")
    given = before.split(",")
    return [f"{before}{comma}{name}" for name in _columns(parsed_args, _PARAMETER) if name not in given]


def _trials(parsed_args: Namespace, action: argparse.Action, **_: object) -> Mapping[str, str]:
    """Numbers, and what became of each; those alone that the command can use."""
    if action.nargs is None and any(trial_number(word) is not None for word in _words(parsed_args)):
        return {}
    sweep = _sweep(parsed_args)
    rows = {} if sweep is None else {row["trial"]: row for row in table(sweep) if row.get("trial")}
    usable = _USABLE.get(parsed_args.command)
    return {_name(n): _description(row) for n, row in rows.items() if usable is None or row.get("status") in usable}


def _name(number: str) -> str:
    return f"imported_{number[1:]}" if number.startswith("-") else number


def _description(row: Mapping[str, str]) -> str:
    values = [
        f"{name.removeprefix(_METRIC)}={float(text):.4g}"
        for name, text in row.items()
        if name.startswith(_METRIC) and text
    ]
    return " ".join([row.get("status", ""), *values[:_SHOWN]])


def _columns(given: Namespace, *kinds: str) -> Mapping[str, list[str]]:
    """The values of each metric and parameter of the sweep, as the table has them."""
    sweep = _sweep(given)
    found: dict[str, list[str]] = {}
    for row in () if sweep is None else table(sweep):
        for kind in kinds or (_METRIC, _PARAMETER):
            for name in row:
                if name.startswith(kind):
                    found.setdefault(name.removeprefix(kind), []).append(row[name])
    return found


def _names(parsed_args: Namespace, **_: object) -> list[str]:
    return list(_columns(parsed_args))


def _conditions(parsed_args: Namespace, **_: object) -> list[str]:
    """Beginnings of conditions, which the shell completes as far as they agree; with its values for what has words."""
    found = []
    for name, values in _columns(parsed_args).items():
        known = sorted({value for value in values if value})
        ends = ["<=", ">="] if all(map(_is_number, known)) else [f"= {value}" for value in known]
        found += [f"{name} {end}" for end in ends]
    return found


def _assignments(parsed_args: Namespace, **_: object) -> list[str]:
    """Parameters, with their values where these are words."""
    found = []
    for name, values in _columns(parsed_args, _PARAMETER).items():
        known = {value for value in values if value}
        found += [f"{name}="] if all(map(_is_number, known)) else [f"{name}={value}" for value in sorted(known)]
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_USABLE: Mapping[str, Collection[str]] = {
    "promote": ("completed", "early_stopped", "imported"),
    "stop": ("running",),
    "adopt": ("asked", "running"),
}
"""The states of the trials that a command takes; all for those that are not here."""
_COMPLETERS: Mapping[str, Callable[..., object]] = {
    "SOURCE": _directories,
    "DIRECTORY": _directories,
    "TRIAL": _trials,
    "METRIC": _names,
    "CONDITION": _conditions,
    "KEY=VALUE": _assignments,
    "FIGURE": _figures,
    "A,B": _parameter_list,
}
"""By the name that an argument has in the help. What is not here is completed as a file."""
