"""``export``: all trials for other tools."""

import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from ax_mo.commands.shared import new_file, say, study_at
from ax_mo.errors import AxMoError
from ax_mo.record import StudyRecord
from ax_mo.study.trial import Status
from ax_mo.tables import csv_text, flat, front_numbers, trial_as_json
from ax_mo.trial.curve import CurvePoint, read_curve
from ax_mo.trial.files import write_atomically


def run(arguments: Namespace) -> None:
    write = next((w for suffix, w in WRITERS.items() if str(arguments.to).lower().endswith(suffix)), None)
    if write is None:
        raise AxMoError(f"'{arguments.to}' ends in none of {', '.join(WRITERS)}, which say what to write.")
    path = new_file(arguments.to, arguments.force)
    record = study_at(arguments.source)
    write(record, path)
    say(f"Wrote {len(record.trials)} trials to {path}")


def _csv(record: StudyRecord, path: Path) -> None:
    write_atomically(path, csv_text(record.trials, record))


def _json(record: StudyRecord, path: Path) -> None:
    front = front_numbers(record)
    content = {
        "study": record.name,
        "created": record.created,
        "objectives": {o.name: {"goal": o.goal, "threshold": o.threshold} for o in record.goals.objectives},
        "constraints": [constraint.text for constraint in record.goals.constraints],
        "space": record.space.describe(),
        "settings": dict(record.settings),
        "trials": [trial_as_json(trial, record, front) for trial in record.trials],
    }
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def _parquet(record: StudyRecord, path: Path) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise AxMoError("Parquet needs pyarrow: pip install 'hydra-ax-mo[parquet]'") from None
    flat(record.trials, record).to_parquet(path)


def _ax(record: StudyRecord, path: Path) -> None:
    from ax_mo.study.optimizer import AxOptimizer

    optimizer = AxOptimizer(record.space, record.goals, record.seed, method=str(record.settings.get("method", "fast")))
    optimizer.start(record.trials, curves(record))
    optimizer.save(path)


def curves(record: StudyRecord) -> dict[int, tuple[CurvePoint, ...]]:
    """The learning curves of the trials that have data, as the sweeper gives them to Ax: not those of repeats."""
    with_data = (Status.COMPLETED, Status.EARLY_STOPPED)
    runs = [run for run in record.runs if run.repeat is None and run.status in with_data]
    return {run.number: read_curve(record.directory / run.directory).points for run in runs}


WRITERS: dict[str, Callable[[StudyRecord, Path], None]] = {
    ".ax.json": _ax,  # before .json
    ".csv": _csv,
    ".json": _json,
    ".parquet": _parquet,
}
