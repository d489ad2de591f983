"""What the commands share: the study, one trial of it, and text that is safe to print."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ax_mo.errors import AxMoError, StudyLost
from ax_mo.record import StudyRecord, read_record
from ax_mo.screen import printable
from ax_mo.study.description import rebuild_hint
from ax_mo.study.trial import Trial
from ax_mo.study.urls import STUDY


def study_at(source: str) -> StudyRecord:
    """The study that ``source`` names. Raises AxMoError, with the way out where there is one."""
    try:
        return read_record(source)
    except AxMoError as error:
        # The settings that a sweep's reader would look up are an argument here.
        raise AxMoError(str(error).removeprefix("hydra.sweeper.storage: ") + _way_out(source, error)) from None


def _way_out(source: str, error: AxMoError) -> str:
    if "://" in source:
        return ""
    directory = Path(source).expanduser().absolute()
    if not isinstance(error, StudyLost) and (directory / STUDY).exists():
        return ""
    return rebuild_hint(directory)


def trial_named(record: StudyRecord, text: str) -> Trial:
    """The trial that the user calls so: ``7``, ``trial_7``, ``imported_2`` or ``-2``. Raises AxMoError."""
    match = re.fullmatch(r"(?:trial[_ ])?(-?\d+)|imported[_ ](\d+)", text.strip())
    if match is None:
        raise AxMoError(f"'{text}' is no trial: give its number, such as 7, or imported_2 for an imported one.")
    number = int(match[1]) if match[1] is not None else -int(match[2])
    for trial in record.trials:
        if trial.number == number:
            return trial
    numbers = [trial.number for trial in record.trials if trial.number >= 0]
    known = f"its trials are {numbers[0]} to {numbers[-1]}" if numbers else "it has no trials yet"
    raise AxMoError(f"The study has no trial {text}; {known}.")


def new_file(path: str, force: bool) -> Path:
    """Where to write. Raises AxMoError where something is that the user has not said to overwrite."""
    target = Path(path).expanduser().absolute()
    if not target.parent.is_dir():
        raise AxMoError(f"There is no directory {target.parent}.")
    if target.is_dir():
        raise AxMoError(f"{target} is a directory; name a file.")
    if target.exists() and not force:
        raise AxMoError(f"{target} exists; --force overwrites it.")
    return target


def one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def lines_of(text: str) -> list[str]:
    """The text's lines without anything that would drive a terminal."""
    return [printable(line.expandtabs()) for line in text.splitlines()]


def say(text: str = "") -> None:
    """Print, made printable."""
    print("\n".join(lines_of(text)))


def say_json(value: Any) -> None:
    """Print strict JSON; its escapes leave nothing that would drive a terminal."""
    print(json.dumps(value, indent=2, allow_nan=False))


def say_exactly(text: str) -> None:
    """Print what another program may read: unchanged, unless a person looks at it."""
    if sys.stdout.isatty():
        say(text)
    else:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")


def number(value: float) -> str:
    return f"{value:.6g}"


def point_command(record: StudyRecord, name: str, front: Sequence[Trial] | frozenset[int], trial: int) -> str | None:
    """The line that runs a point of the front again; None for a trial that is not on it."""
    template = record.commands.get("pareto")
    if template is None or trial not in front:
        return None
    return template.replace("{name}", name)
