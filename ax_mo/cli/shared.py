"""What the commands share: the study, one trial of it, and text that is safe to print."""

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ax_mo.cli.sweeps import NEWEST, sweeps, trial_number
from ax_mo.core.trial import Trial
from ax_mo.errors import AxMoError, StudyLost
from ax_mo.results.select import candidates
from ax_mo.storage.dump import rebuild_hint
from ax_mo.storage.location import whole_path
from ax_mo.storage.snapshot import StudySnapshot, read_snapshot
from ax_mo.storage.sweep_directory import STUDY
from ax_mo.terminal.terminal import folded
from ax_mo.terminal.text import NONE_MEETS, printable


def study_at(source: str | None) -> StudySnapshot:
    """The study that ``source`` names; None for that of the newest sweep, which is told on stderr.

    Raises AxMoError, with the way out where there is one.
    """
    source = source_or_newest(source)
    try:
        return read_snapshot(source)
    except AxMoError as error:
        raise AxMoError(f"{error}{_way_out(source, error)}") from None


def source_or_newest(source: str | None) -> str:
    """What the user named; where that is nothing, the newest sweep, which is told on stderr. Raises AxMoError."""
    if source is not None:
        return source
    newest = _newest_sweep()
    print(f"ax-mo: {printable(newest)}", file=sys.stderr)
    return newest


def _newest_sweep() -> str:
    for path in sweeps():
        return str(path)
    raise AxMoError(f"Name a study: {Path.cwd()} has no sweep below it. Without a name, it is {NEWEST}.")


def _way_out(source: str, error: AxMoError) -> str:
    if "://" in source:
        return ""
    directory = whole_path(source)
    if not directory.is_dir() or (not isinstance(error, StudyLost) and (directory / STUDY).exists()):
        return ""
    return rebuild_hint(directory)


def trial_named(record: StudySnapshot, text: str) -> Trial:
    """The trial that the user calls so: ``7``, ``trial_7``, ``imported_2`` or ``-2``. Raises AxMoError."""
    number = trial_number(text)
    if number is None:
        raise AxMoError(f"'{text}' is no trial: give its number, such as 7, or imported_2 for an imported one.")
    for trial in record.trials:
        if trial.number == number:
            return trial
    numbers = [trial.number for trial in record.trials if not trial.is_imported]
    known = f"its trials are {numbers[0]} to {numbers[-1]}" if numbers else "it has no trials yet"
    raise AxMoError(f"The study has no trial {text}; {known}.")


def new_file(path: str, force: bool, make_directory: bool = False) -> Path:
    """Where to write. Raises AxMoError where something is that the user has not said to overwrite."""
    target = Path(path).expanduser().absolute()
    if make_directory:
        target.parent.mkdir(parents=True, exist_ok=True)
    if not target.parent.is_dir():
        raise AxMoError(f"There is no directory {target.parent}.")
    if target.is_dir():
        raise AxMoError(f"{target} is a directory; name a file.")
    if target.exists() and not force:
        raise AxMoError(f"{target} exists; --force overwrites it.")
    return target


def one_line(text: str) -> str:
    """The text without line breaks and control characters."""
    return printable(" ".join(text.split()))


def say(text: str = "") -> None:
    """Print without anything that would drive a terminal."""
    print("\n".join(map(printable, text.splitlines())))


def tell(line: str) -> None:
    """Print a sentence, broken where the terminal ends."""
    say(folded(line))


def say_json(value: Any) -> None:
    """Print strict JSON, null for a number that it has no words for; its escapes leave nothing for a terminal."""
    print(json.dumps(_finite(value), indent=2, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def say_exactly(text: str) -> None:
    """Print what another program may read: unchanged, unless a person looks at it."""
    if sys.stdout.isatty():
        say(text)
    else:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")


def number(value: float) -> str:
    """A metric for people, with six digits."""
    return f"{value:.6g}"


def thresholds_note(trial: Trial, record: StudySnapshot) -> str | None:
    """What to say of a trial that was chosen and misses a threshold; None of one that meets all."""
    goals = record.goals
    missed = [o.limit for o in goals.objectives if o.misses(trial.metrics[o.name])]
    if not missed:
        return None
    known = candidates(record.trials, goals)
    none = not any(goals.meets_thresholds(other.metrics) for other in known)
    return f"It misses {', '.join(missed)}" + (f"; {NONE_MEETS}." if none else ".")
