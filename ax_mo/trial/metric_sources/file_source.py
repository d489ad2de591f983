"""What the sources have in common whose metrics are in files: a ``path``, and of several files the newest counts."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ax_mo.trial.metric_sources.files import what_is_there
from ax_mo.trial.metric_sources.source import MetricSource, NotFound, TrialOutput
from ax_mo.trial.untrusted import Unusable

_MOST_FILES = 3


@dataclass(frozen=True)
class FoundInFile:
    """A metric's finite values in one file; or ``instead``, half a sentence, and the ``names`` that it has."""

    values: list[float]
    instead: str
    names: tuple[str, ...] = ()


class FileSource(MetricSource):
    """A source that reads files of the trial's directory. ``path`` is a glob in it."""

    noun = "key"
    """What ``tag`` is."""
    tag: str
    """What the metric is called in the file."""

    example = ""
    """A path, for the message that one is missing."""

    def __init__(self, path: Any) -> None:
        if path is None:
            raise ValueError(f"path is missing: name the file in the trial's directory, such as '{self.example}'.")
        if not isinstance(path, str) or not path.strip():
            raise ValueError(f"path: {path!r:.100} is not the name of a file.")
        if path.startswith(("/", "~")) or ".." in PurePosixPath(path).parts:
            raise ValueError(
                f"path: '{path}' leads out of the trial's directory. Write a path in it, such as 'logs/*.csv': a file "
                "that all trials share does not say whose its numbers are."
            )
        self.path = str(PurePosixPath(path))

    def look_in(self, path: Path, name: str, trial: TrialOutput) -> FoundInFile:
        """What one file has. ``name`` is what it is called in messages. Raises OSError and Unusable."""
        raise NotImplementedError

    def nothing_there(self, trial: TrialOutput) -> str:
        """What to say beside what the files have; may be empty."""
        return ""

    def values(self, trial: TrialOutput) -> list[float] | NotFound:
        others: list[FoundInFile] = []
        problems: list[str] = []
        for path in reversed(trial.files(self.path)):
            name = path.relative_to(trial.directory).as_posix()
            try:
                found = self.look_in(path, name, trial)
            except (OSError, Unusable) as error:
                why = error if isinstance(error, Unusable) else f"cannot be read: {error.strerror or error}"
                problems.append(f"{name} {why}")
                continue
            if found.values:
                return found.values
            others.append(found)
        instead = [other.instead for other in others[:_MOST_FILES]] + problems[:_MOST_FILES]
        instead += filter(None, [self.nothing_there(trial)])
        return NotFound(
            self.noun,
            self.tag,
            f"'{self.path}' of the trial's directory",
            "; ".join(instead) or what_is_there(trial.directory, self.path),
            tuple(dict.fromkeys(name for other in reversed(others) for name in other.names)),
        )
