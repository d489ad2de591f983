"""Lines for a shell as a command prints them: quoted for people, and with the directory that they need."""

import re
import shlex
from collections.abc import Collection, Iterable
from pathlib import Path

from ax_mo.core.trial import Trial, TrialRun
from ax_mo.hydra_project.program import how_to_resume
from ax_mo.results.commands import point_words, rerun, working_directory
from ax_mo.storage.snapshot import StudySnapshot

_SPECIAL = re.compile(r"[$`\"\\!]")  # what double quotes do not protect; the last is a shell's history


def point_command(record: StudySnapshot, trial: Trial, front: Collection[int]) -> list[str] | None:
    """The command that runs a point of the front again; None for a trial that is not on it."""
    return point_words(record, trial) if trial.number in front else None


def resume_here(record: StudySnapshot) -> str:
    """How to resume the study from the current directory."""
    program = record.program
    if program is None:
        return how_to_resume(None, record.directory)
    return from_here(record, program.resume_words(record.directory))


def from_here(record: StudySnapshot, words: Iterable[str]) -> str:
    """A command of the study as a line that works in the current directory."""
    place = working_directory(record)
    return joined(words) if place is None or _is_current(place) else line_in_directory(place, joined(words))


def from_anywhere(record: StudySnapshot, words: Iterable[str]) -> str:
    """A command of the study as a line with the directory that it needs."""
    place = working_directory(record)
    return joined(words) if place is None else line_in_directory(place, joined(words))


def _is_current(place: str) -> bool:
    try:
        return Path.cwd().samefile(place)
    except OSError:
        return False


def line_that_ran(record: StudySnapshot, run: TrialRun) -> str | None:
    """A run's own command, which writes into its directory; None for one that did not run as a command."""
    program = record.program
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


def line_in_directory(directory: str, line: str) -> str:
    """The line, run in that directory."""
    return f"cd {quoted_word(directory)} && {line}"
