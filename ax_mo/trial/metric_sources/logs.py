"""The source ``log``: what the task prints or logs, found by a regular expression."""

import re
from collections.abc import Callable
from pathlib import Path

from ax_mo.trial.files import STDOUT
from ax_mo.trial.metric_sources.file_source import FileSource, FoundInFile
from ax_mo.trial.metric_sources.files import file_lines, written_before
from ax_mo.trial.metric_sources.source import TrialOutput
from ax_mo.trial.numbers import finite_numbers
from ax_mo.trial.untrusted import without_escapes

_EXAMPLE = r"for example 'loss: ([-\d.e]+)'"


class LogPattern(FileSource):
    """``pattern`` has the number in its only pair of parentheses; each match is a value."""

    noun = "pattern"

    def __init__(self, metric: str, *, pattern: str | None = None, path: str = "*.log") -> None:
        super().__init__(path)
        if not isinstance(pattern, str) or not pattern:
            raise ValueError(
                f"pattern is missing: write a regular expression with the number in parentheses, {_EXAMPLE}."
            )
        try:
            groups = re.compile(pattern).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"pattern: '{pattern}' is no regular expression: {error}.") from None
        if groups != 1:
            raise ValueError(
                f"pattern: '{pattern}' has {groups} pairs of parentheses: put the number, and nothing else, in one, "
                f"{_EXAMPLE}; others are written (?:...)."
            )
        self.tag = pattern

    def look_in(self, path: Path, name: str, trial: TrialOutput) -> FoundInFile:
        before = written_before(trial.directory)
        find: Callable[[str], list[str]] = re.compile(self.tag).findall
        # A progress bar writes its states on one line; colours are between the words.
        lines = (part for line in file_lines(path, before.get(name, 0)) for part in without_escapes(line).splitlines())
        texts = [text for line in lines for text in find(line)]
        instead = f"no line of {name} matches"
        if texts:
            instead = f"what matches in {name} is no number but {texts[-1]!r:.100}"
        return FoundInFile(finite_numbers(texts), instead)

    def nothing_there(self, trial: TrialOutput) -> str:
        if (trial.directory / STDOUT).exists():
            return ""
        return "what a task prints is kept with hydra/launcher=torchx alone"
