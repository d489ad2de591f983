"""``show``: everything about one trial."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ax_mo.cli.lines import from_anywhere, from_here, line_that_ran, point_command, rerun_line
from ax_mo.cli.shared import number, say, say_json, study_at, trial_named
from ax_mo.core.repeats import standard_errors
from ax_mo.core.trial import Trial, TrialRun
from ax_mo.results.standing import is_unfinished, standing
from ax_mo.results.tables import TIMES, front_numbers, trial_as_json
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.terminal.terminal import folded, table_lines
from ax_mo.terminal.text import printable
from ax_mo.trial.curve import CurvePoint, read_curve
from ax_mo.trial.files import COMMAND, STDERR, STDOUT
from ax_mo.trial.untrusted import Unusable, read_tail, read_text, without_escapes

_TAIL_BYTES = 65536
_MOST_LOGS = 5
_MOST_POINTS = 10


def show_command(arguments: Namespace) -> None:
    """Print what is known of the trial."""
    record = study_at(arguments.source)
    trial = trial_named(record, arguments.trial)
    runs = [run for run in record.runs if run.number == trial.number]
    if arguments.json:
        say_json(_as_json(record, trial, runs, arguments.lines))
    else:
        for line in _text(record, trial, runs, arguments.lines):
            say(line)


def _as_json(record: StudySnapshot, trial: Trial, runs: list[TrialRun], count: int) -> dict[str, Any]:
    """What a run left is the trial's own; of a repeated trial, each of its ``runs`` has what it left."""
    front = front_numbers(record)
    short = point_command(record, trial, front)
    again = {
        "pareto_command": None if short is None else from_anywhere(record, short),
        "run_again": rerun_line(record, trial),
    }
    whole = {**trial_as_json(trial, record, front), **again}
    if runs[0].repeat is None:
        return {**whole, **_left(record, runs[0], count)}
    each = [{**trial_as_json(r, record, front), **_which(r), **_left(record, r, count)} for r in runs]
    return {**whole, "runs": each}


def _which(run: TrialRun) -> dict[str, Any]:
    return {"repeat": run.repeat} if run.budget is None else {}


def _left(record: StudySnapshot, run: TrialRun, count: int) -> dict[str, Any]:
    directory = record.directory / run.directory
    points = read_curve(directory).points
    return {
        "command": line_that_ran(record, run),
        "config": _config(directory),
        "curve": [{"step": point.step, "time": point.time, "metrics": point.metrics} for point in points],
        "logs": _logs(directory, count),
    }


def _text(record: StudySnapshot, trial: Trial, runs: list[TrialRun], count: int) -> list[str]:
    front = front_numbers(record)
    is_running = record.is_running
    where = ", on the front" if trial.number in front else ""
    lines = [f"trial {trial.label}: {standing(trial, is_running)}{where}"]
    if is_unfinished(trial, is_running):
        lines.append(folded("  No sweeper is running; a resume takes it up again."))
    if trial.reason:
        lines.append(folded(f"  {trial.reason}"))
    facts = {"generator": trial.generator, "attempt": trial.attempt, "directory": record.directory / trial.directory}
    lines += [f"  {name:<10} {value}" for name, value in facts.items()]
    lines += [f"  {name:<10} {getattr(trial, name)}" for name in TIMES if getattr(trial, name)]
    lines += _section("overrides", list(trial.overrides))
    errors = standard_errors(trial, list(trial.metrics))
    values = [(name, number(value), errors.get(name)) for name, value in trial.metrics.items()]
    lines += _section("metrics", [f"{name} = {text}" + (f" ± {e:.2g}" if e else "") for name, text, e in values])
    if runs[0].repeat is not None:
        lines += _section("runs", [f"{run.label}: {_stands(run, is_running)} {_brief(run)}".rstrip() for run in runs])
    for run in runs:
        curve = read_curve(record.directory / run.directory)
        if not run.metrics:
            last = [f"{name} = {number(value)}" for name, value in curve.last().items()]
            lines += _section(f"reported so far{_of(run)}", last)
        lines += _section(f"learning curve{_of(run)}", _curve(curve.points))
    config = _config(record.directory / _shown(runs).directory)
    lines += _section("configuration", (config or "not there").splitlines())
    for run in runs:
        for name, end in _logs(record.directory / run.directory, count).items():
            folder = run.repeat if run.budget is None else run.budget.value
            lines += _section(f"end of {name}" if run.repeat is None else f"end of {folder}/{name}", end)
    return lines + _commands(record, trial, runs, front)


def _shown(runs: Sequence[TrialRun]) -> TrialRun:
    """The run that stands for the trial: the first repeat, the last rung."""
    return runs[0] if runs[-1].budget is None else runs[-1]


def _of(run: TrialRun) -> str:
    if run.budget is not None:
        return f" at {run.budget.override}"
    return "" if run.repeat is None else f" of repeat {run.repeat}"


def _curve(points: Sequence[CurvePoint]) -> list[str]:
    """The latest points, a line each: what a running trial has come to."""
    names = list(dict.fromkeys(name for point in points for name in point.metrics))
    rows = [
        [str(point.step), *(number(point.metrics[name]) if name in point.metrics else "" for name in names)]
        for point in points[-_MOST_POINTS:]
    ]
    if not rows:
        return []
    earlier = len(points) - len(rows)
    lines = table_lines(["step", *map(printable, names)], rows, indent=2)
    return [f"({earlier} earlier ones)", *lines] if earlier else lines


def _commands(record: StudySnapshot, trial: Trial, runs: Sequence[TrialRun], front: frozenset[int]) -> list[str]:
    lines: list[str] = []
    safe, short = rerun_line(record, trial), point_command(record, trial, front)
    if safe is None:
        lines += _section("command", ["not known: it did not run as a command"])
    else:
        lines += _section(f"run it again{_of(_shown(runs))}", [safe])
    if short is not None:
        lines += _section("run it again by its name", [from_here(record, short)])
    if safe is not None:
        place = record.directory / _shown(runs).directory / COMMAND
        lines += ["", f"What ran is {place}; started again, it writes into the trial's directory."]
    return lines


def _stands(run: TrialRun, is_running: bool) -> str:
    return "paused" if run.is_paused else standing(run, is_running)


def _brief(run: TrialRun) -> str:
    reason = None if run.is_paused else run.reason
    return reason or "  ".join(f"{name}={number(value)}" for name, value in run.metrics.items())


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _config(directory: Path) -> str | None:
    """The task's configuration as Hydra saved it."""
    try:
        return read_text(directory / ".hydra" / "config.yaml", errors="replace")
    except (OSError, Unusable):
        return None


def _logs(directory: Path, count: int) -> dict[str, list[str]]:
    """The ends of what the run wrote: its own logs, and last stderr, where the reason of a failure is."""
    first, last = directory / STDOUT, directory / STDERR
    own = sorted(path for path in directory.glob("*.log") if path not in (first, last))
    ends = {path.name: _end(path, count) for path in [first, *own[:_MOST_LOGS], last]}
    return {name: lines for name, lines in ends.items() if any(lines)}


def _end(path: Path, count: int) -> list[str]:
    """The last lines of a text file, of which no more is read than they may take."""
    text = without_escapes(read_tail(path, _TAIL_BYTES))
    # A progress bar is drawn over by carriage returns: its last state is the line.
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return "\n".join(lines).rstrip().split("\n")[-count:] if count else []
