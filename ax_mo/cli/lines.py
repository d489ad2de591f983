"""Lines for a shell as a command prints them: quoted for people, and with the directory that they need."""

import re
import shlex
from collections.abc import Collection, Iterable
from pathlib import Path

from ax_mo.core.trial import Trial, TrialRun
from ax_mo.results.commands import line_of_point, program_of, rerun, working_directory
from ax_mo.storage.snapshot import StudySnapshot

_SPECIAL = re.compile(r"[$`\"\\!]")  # what double quotes do not protect; the last is a shell's history


def point_command(record: StudySnapshot, trial: Trial, front: Collection[int]) -> str | None:
    """The line that runs a point of the front again; None for a trial that is not on it."""
    return line_of_point(record, trial) if trial.number in front else None


def from_here(record: StudySnapshot, line: str) -> str:
    """A command of the study as it works in the current directory."""
    place = working_directory(record)
    return requoted(line) if place is None or _is_current(place) else from_anywhere(record, line)


def from_anywhere(record: StudySnapshot, line: str) -> str:
    """A command of the study with the directory that it needs."""
    place = working_directory(record)
    return requoted(line) if place is None else line_in_directory(place, requoted(line))


def _is_current(place: str) -> bool:
    try:
        return Path.cwd().samefile(place)
    except OSError:
        return False


def line_that_ran(record: StudySnapshot, run: TrialRun) -> str | None:
    """A run's own command, which writes into its directory; None for one that did not run as a command."""
    program = program_of(record)
    if program is None or rerun(record, run) is None:
        return None
    return line_in_directory(str(program.cwd), joined(program.command_of(run, record.directory)))


def rerun_line(record: StudySnapshot, trial: Trial) -> str | None:
    """The line that runs a trial again without touching its files; None for one that did not run as a command."""
    found = rerun(record, trial)
    return None if found is None else line_in_directory(str(found.cwd), joined(found.words))


def quoted_word(word: str) -> str:
    """One word as a POSIX shell reads it: ``"kind='a b'"`` where shlex.quote writes ``'kind='"'"'a b'"'"''``."""
    if "'" in word and not _SPECIAL.search(word):
        return f'"{word}"'
    return shlex.quote(word)


def joined(words: Iterable[str]) -> str:
    """The words as one command line; ``shlex.split`` gives them again."""
    return " ".join(map(quoted_word, words))


def requoted(line: str) -> str:
    """A line that shlex.join made, with ``cd <directory> &&`` before it or without, in these quotes."""
    try:
        words = shlex.split(line)
    except ValueError:
        return line
    if len(words) > 3 and words[0] == "cd" and words[2] == "&&":
        return line_in_directory(words[1], joined(words[3:]))
    return joined(words)


def line_in_directory(directory: str, line: str) -> str:
    """The line, run in that directory."""
    return f"cd {quoted_word(directory)} && {line}"
