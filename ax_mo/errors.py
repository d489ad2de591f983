"""Errors that are messages to the person at the terminal."""

from collections.abc import Iterable

from hydra.errors import CompactHydraException


class AxMoError(CompactHydraException):
    """An error that Hydra prints without a traceback before it exits with code 1."""


class ConfigError(AxMoError):
    """The configuration is wrong; says which key and what to write instead."""


class NotRerunnableError(AxMoError):
    """This program cannot be started again as a command, so no job can be made of it."""


class StudyStopped(AxMoError):
    """The study cannot go on; what was recorded stays readable and it can be resumed. Jobs that run are left to run."""


class StudyLost(StudyStopped):
    """The study's database is no database, or holds what no study has; ``ax-mo rebuild`` may make it anew."""


def closest(name: str, known: Iterable[str]) -> str:
    """A sentence that names the likeliest intended spelling, or nothing.

    The last part of a dotted name counts as the name: ``lr`` is closest to ``optim.lr``, which no measure of letters
    would say.
    """
    import difflib  # most processes come to no such sentence

    names = list(known)
    matches = [of for of in names if name and of.replace("/", ".").rpartition(".")[2] == name]
    matches = matches or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f" Did you mean '{matches[0]}'?" if matches else ""
