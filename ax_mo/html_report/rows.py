"""What the page's script knows of each trial, as JSON that holds nothing twice: 500 trials must fit."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ax_mo.core.repeats import standard_errors
from ax_mo.core.trial import Trial
from ax_mo.html_report.text import clean, shortened, shown
from ax_mo.results.commands import first_run, pareto_command, program_of, rerun
from ax_mo.results.standing import status_text
from ax_mo.results.tables import front_numbers, metric_names
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trial.untrusted import Unusable, read_text

_CONFIG = Path(".hydra") / "config.yaml"
_MOST_CONFIGS = 40
_LONGEST_CONFIG = 20_000
_HERE = "\x00"
"""Stands for the overrides in a command, most of which are else alike."""


@dataclass(frozen=True)
class Row:
    """A trial in the page's words; ``metrics`` and ``params`` by column, empty where there is none."""

    number: int
    label: str
    status: str
    front: bool
    metrics: list[str]
    params: list[str]
    errors: list[str]
    """The standard error of each metric, for repeated trials."""
    overrides: list[str]
    reason: str
    stderr: str
    origin: str
    attempt: int
    seconds: str
    started: str
    dir: str
    href: str
    command: int
    """Which of the page's commands it is, with its overrides filled in."""
    short: str
    """For a point of the front: the command with its config."""
    config: str


@dataclass
class Table:
    """All trials, and what they share."""

    metrics: list[str]
    params: list[str]
    goals: int = 0
    """How many of the metrics, the first, are objectives or constrained."""
    rows: list[Row] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Without what is empty."""
        rows = [{name: value for name, value in asdict(row).items() if value not in ("", [])} for row in self.rows]
        return {
            "metrics": self.metrics,
            "goals": self.goals,
            "params": self.params,
            "rows": rows,
            "commands": self.commands,
        }


def table_of(record: StudySnapshot, page: Path) -> Table:
    """``page`` is the file in which it will be, from which the directories are linked."""
    record = replace(record, program=program_of(record))  # looked up once
    goals = record.goals
    named = metric_names(goals, record.trials)
    front = front_numbers(record)
    table = Table([clean(name) for name in named], [clean(key) for key in record.space.keys], len(goals.required))
    for trial in record.trials:
        row = _row(record, trial, named, page, table.commands)
        if trial.number in front:
            config = _config(record, trial) if len(front) <= _MOST_CONFIGS else ""
            row = replace(row, front=True, short=pareto_command(record, trial) or "", config=config)
        table.rows.append(row)
    return table


def _row(record: StudySnapshot, trial: Trial, names: Sequence[str], page: Path, commands: list[str]) -> Row:
    """Of a trial that is not on the front. ``commands`` are the table's, to which its own is added where it is new."""
    errors = standard_errors(trial, names)
    command, overrides = _command(record, trial), first_run(record, trial).overrides
    if command not in commands:
        commands.append(command)
    return Row(
        number=trial.number,
        label=trial.label,
        status=status_text(trial.status),
        front=False,
        metrics=[shown(float(trial.metrics[name])) if name in trial.metrics else "" for name in names],
        params=[shown(trial.point[key]) if key in trial.point else "" for key in record.space.keys],
        errors=[f"{errors[name]:.2g}" if name in errors else "" for name in names] if errors else [],
        overrides=[clean(line) for line in overrides],
        reason=clean(trial.reason or ""),
        stderr=shortened(clean(trial.stderr_tail), 2000),
        origin=trial.generator,
        attempt=trial.attempt,
        seconds=_seconds(trial),
        started=(trial.started or trial.submitted or "")[:19].replace("T", " "),
        dir=str(record.directory / trial.directory),
        href=link(record.directory / trial.directory, page),
        command=commands.index(command),
        short="",
        config="",
    )


def _command(record: StudySnapshot, trial: Trial) -> str:
    """The trial's command without its overrides; of one that did not run as a command, nothing but their place."""
    found = rerun(record, trial)
    if found is None:
        return _HERE
    before, after = shlex.join(found.before), shlex.join(found.after)
    return f"cd {shlex.quote(str(found.cwd))} && {before} {_HERE} {after}"


def link(directory: Path, page: Path) -> str:
    """From the page's own directory where possible, so that both can be moved; empty where there is nothing."""
    if not directory.is_dir():
        return ""
    if directory.is_relative_to(page.parent):
        return quote(f"./{os.path.relpath(directory, page.parent)}/")
    return directory.absolute().as_uri()


def _seconds(trial: Trial) -> str:
    begin = trial.started or trial.submitted
    if begin is None or trial.ended is None:
        return ""
    try:
        return f"{(datetime.fromisoformat(trial.ended) - datetime.fromisoformat(begin)).total_seconds():.1f}"
    except (ValueError, TypeError):
        return ""


def _config(record: StudySnapshot, trial: Trial) -> str:
    """What Hydra composed for the trial."""
    try:
        text = read_text(record.directory / first_run(record, trial).directory / _CONFIG, errors="replace")
    except (OSError, Unusable):
        return ""
    return clean(text) if len(text) <= _LONGEST_CONFIG else ""
