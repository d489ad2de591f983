"""``export`` and ``report``: all trials for other tools, and the study as a page."""

import json
import os
import webbrowser
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from ax_mo.cli.shared import new_file, say, say_json, study_at
from ax_mo.errors import AxMoError
from ax_mo.results.tables import csv_text, flat, front_numbers, trial_as_json
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trial.files import write_atomically


def export_command(arguments: Namespace) -> None:
    """Write all trials in the format that the name of the file says."""
    write = next((w for suffix, w in WRITERS.items() if str(arguments.to).lower().endswith(suffix)), None)
    if write is None:
        raise AxMoError(f"'{arguments.to}' ends in none of {', '.join(WRITERS)}, which say what to write.")
    path = new_file(arguments.to, arguments.force)
    record = study_at(arguments.source)
    write(record, path)
    if arguments.json:
        say_json({"file": str(path), "trials": len(record.trials)})
    else:
        say(f"Wrote {len(record.trials)} trials to {path}")


def report_command(arguments: Namespace) -> None:
    """Write the study's page, and open it."""
    record = study_at(arguments.source)
    path = new_file(arguments.to or str(record.directory / "report.html"), force=True)
    try:
        from ax_mo.html_report.update import update_report
    except ImportError as error:
        raise AxMoError(f"The report needs what is not installed: {error}.") from None
    update_report(lambda: study_at(str(record.directory) if arguments.source is None else arguments.source), path)
    if arguments.json:
        say_json({"file": str(path)})
    else:
        say(f"Wrote {path}")
    if arguments.open and not webbrowser.open(path.as_uri()):
        raise AxMoError(f"No browser could be started; open {path.as_uri()}")


def _csv(record: StudySnapshot, path: Path) -> None:
    write_atomically(path, csv_text(record.trials, record))


def _json(record: StudySnapshot, path: Path) -> None:
    front = front_numbers(record)
    content = {
        "study": record.name,
        "created": record.created,
        "objectives": record.goals.as_json(),
        "constraints": [constraint.text for constraint in record.goals.constraints],
        "space": record.space.describe(),
        "settings": dict(record.settings),
        "trials": [trial_as_json(trial, record, front) for trial in record.trials],
    }
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def _parquet(record: StudySnapshot, path: Path) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise AxMoError("Parquet needs pyarrow: pip install 'hydra-ax-mo[parquet]'") from None
    table = flat(record.trials, record)
    _whole(path, lambda part: table.to_parquet(part))


def _ax(record: StudySnapshot, path: Path) -> None:
    from ax_mo.optimizer.ax import METHODS, AxOptimizer
    from ax_mo.optimizer.protocol import OptimizerOptions

    method = str(record.settings.get("method", "fast"))
    options = OptimizerOptions(method if method in METHODS else "fast", curve_of=record.curve_of)
    # What was measured, and not what a stopped trial would have come to.
    optimizer = AxOptimizer(record.space, record.goals, record.seed, options, impute=False, own_model=False)
    # Imported trials last, so that Ax's numbers are the study's.
    trials = sorted(record.trials, key=lambda trial: (trial.is_imported, abs(trial.number)))
    optimizer.restore(trials)
    _whole(path, optimizer.experiment.save)


def _optuna(record: StudySnapshot, path: Path) -> None:
    try:
        from ax_mo.trackers.optuna import write_optuna
    except ImportError:
        raise AxMoError("An Optuna storage needs Optuna: pip install 'hydra-ax-mo[optuna]'") from None
    _whole(path, lambda part: write_optuna(record, part))


def _whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let another library write the file: whole, or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


WRITERS: dict[str, Callable[[StudySnapshot, Path], None]] = {
    ".ax.json": _ax,  # before .json
    ".csv": _csv,
    ".db": _optuna,
    ".json": _json,
    ".parquet": _parquet,
}
