"""What the pages' scripts know of each trial, as JSON that holds nothing twice: 500 trials must fit."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ax_mo.core.repeats import standard_errors
from ax_mo.core.trial import Trial, seconds_between
from ax_mo.html_report.text import clean, display_value, shortened
from ax_mo.results.commands import first_run, point_words, rerun
from ax_mo.results.standing import status_text
from ax_mo.results.tables import front_numbers, metric_names
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trial.untrusted import Unusable, read_text

_MOST_CONFIGS = 40
_LARGEST_CONFIG = 20_000
_HERE = "\x00"
"""Stands for the overrides in a command, most of which are else alike."""


def table_of(record: StudySnapshot, page: Path) -> dict[str, Any]:
    """All trials as rows without what is empty, and what they share; ``page`` is the file in which it will be.

    ``goals`` is how many of the metrics, the first, are objectives or constrained. The ``command`` of a row is its
    place among the ``commands``, and ``short`` that by the config of a trial on the front.
    """
    names = metric_names(record.goals, record.trials)
    front = front_numbers(record)
    commands: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    for trial in record.trials:
        begin = trial.started or trial.submitted
        row = {
            **row_of(record, trial, names, page),
            "number": trial.number,
            "status": status_text(trial.status),
            "front": trial.number in front,
            "params": [display_value(trial.point[key]) if key in trial.point else "" for key in record.space.keys],
            "overrides": [clean(line) for line in first_run(record, trial).overrides],
            "reason": clean(trial.reason or ""),
            "stderr": shortened(clean(trial.stderr_tail), 2000),
            "origin": trial.generator,
            "attempt": trial.attempt,
            "seconds": f"{seconds_between(begin, trial.ended):.1f}" if begin and trial.ended else "",
            "started": (begin or "")[:19].replace("T", " "),
            "command": commands.setdefault(_command(record, trial), len(commands)),
        }
        if trial.number in front:
            row["short"] = shlex.join(point_words(record, trial) or ())
            row["config"] = _config(record, trial) if len(front) <= _MOST_CONFIGS else ""
        rows.append({name: value for name, value in row.items() if value not in ("", [])})
    return {
        "metrics": [clean(name) for name in names],
        "goals": len(record.goals.required),
        "params": [clean(key) for key in record.space.keys],
        "rows": rows,
        "commands": list(commands),
    }


def row_of(record: StudySnapshot, trial: Trial, names: Sequence[str], page: Path) -> dict[str, Any]:
    """What every page has of a trial: the metrics of those ``names`` with their standard errors, the overrides, and
    its directory with a link from ``page``."""
    errors = standard_errors(trial, names)
    directory = record.directory / trial.directory
    return {
        "label": trial.label,
        "metrics": [display_value(float(trial.metrics[name])) if name in trial.metrics else "" for name in names],
        "errors": [f"{errors[name]:.2g}" if name in errors else "" for name in names] if errors else [],
        "overrides": [clean(line) for line in trial.overrides],
        "dir": str(directory),
        "href": _link(directory, page),
    }


def _command(record: StudySnapshot, trial: Trial) -> str:
    """The trial's command without its overrides; of one that did not run as a command, nothing but their place."""
    found = rerun(record, trial)
    if found is None:
        return _HERE
    before, after = shlex.join(found.before), shlex.join(found.after)
    return f"cd {shlex.quote(str(found.cwd))} && {before} {_HERE} {after}"


def _link(directory: Path, page: Path) -> str:
    """From the page's own directory where possible, so that both can be moved; empty where there is nothing."""
    if not directory.is_dir():
        return ""
    if directory.is_relative_to(page.parent):
        return quote(f"./{os.path.relpath(directory, page.parent)}/")
    return directory.absolute().as_uri()


def _config(record: StudySnapshot, trial: Trial) -> str:
    """What Hydra composed for the trial; empty for what is too long for the page."""
    try:
        path = record.directory / first_run(record, trial).directory / ".hydra" / "config.yaml"
        return clean(read_text(path, _LARGEST_CONFIG, errors="replace"))
    except (OSError, Unusable):
        return ""
