"""``show``: everything about one trial."""

import shlex
from argparse import Namespace
from pathlib import Path
from typing import Any

from ax_mo.commands.shared import number, point_command, say, say_json, study_at, trial_named
from ax_mo.record import StudyRecord
from ax_mo.results.promote import recipe_name
from ax_mo.study.repeats import standard_errors
from ax_mo.study.trial import Trial
from ax_mo.tables import TIMES, front_numbers, trial_as_json
from ax_mo.trial.files import COMMAND, STDERR, STDOUT

_TAIL_BYTES = 65536
_MOST_LOGS = 5


def run(arguments: Namespace) -> None:
    record = study_at(arguments.source)
    trial = trial_named(record, arguments.trial)
    runs = [run for run in record.runs if run.number == trial.number]
    if arguments.json:
        say_json(_as_json(record, trial, runs, arguments.lines))
    else:
        say(_text(record, trial, runs, arguments.lines))


def _as_json(record: StudyRecord, trial: Trial, runs: list[Trial], count: int) -> dict[str, Any]:
    front = front_numbers(record)
    whole = trial_as_json(trial, record, front)
    return {
        **whole,
        "command": _command(record.directory / runs[0].directory),
        "pareto_command": point_command(record, recipe_name(trial), front, trial.number),
        "runs": [
            {
                **trial_as_json(run, record, front),
                "repeat": run.repeat,
                "config": _config(record.directory / run.directory),
                "command": _command(record.directory / run.directory),
                "logs": {path.name: tail(path, count) for path in _logs(record.directory / run.directory)},
            }
            for run in runs
        ],
    }


def _text(record: StudyRecord, trial: Trial, runs: list[Trial], count: int) -> str:
    front = front_numbers(record)
    where = ", on the front" if trial.number in front else ""
    lines = [f"trial {trial.label}: {trial.status.value.replace('_', ' ')}{where}"]
    if trial.reason:
        lines.append(f"  {trial.reason}")
    facts = {"generator": trial.generator, "attempt": trial.attempt, "directory": record.directory / trial.directory}
    lines += [f"  {name:<10} {value}" for name, value in facts.items()]
    lines += [f"  {name:<10} {getattr(trial, name)}" for name in TIMES if getattr(trial, name)]
    lines += _section("overrides", list(trial.overrides))
    errors = standard_errors(trial, list(trial.metrics))
    lines += _section(
        "metrics",
        [
            f"{name} = {number(value)}" + (f" ± {errors[name]:.2g}" if errors.get(name) else "")
            for name, value in trial.metrics.items()
        ],
    )
    if len(runs) > 1 or runs[0].repeat is not None:
        lines += _section("runs", [f"{run.label}: {run.status.value} {_brief(run)}" for run in runs])
    config = _config(record.directory / runs[0].directory)
    lines += _section("configuration", (config or "not there").splitlines())
    if count:
        for run in runs:
            for path in _logs(record.directory / run.directory):
                name = path.name if run.repeat is None else f"{run.repeat}/{path.name}"
                lines += _section(f"end of {name}", tail(path, count))
    command = _command(record.directory / runs[0].directory)
    again = point_command(record, recipe_name(trial), front, trial.number)
    lines += _section("command", [command or "not known: it did not run as a command"])
    lines += [] if again is None else _section("run it again", [again])
    return "\n".join(lines)


def _brief(run: Trial) -> str:
    return run.reason or "  ".join(f"{name}={number(value)}" for name, value in run.metrics.items())


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _config(directory: Path) -> str | None:
    """The task's configuration as Hydra saved it."""
    try:
        return (directory / ".hydra" / "config.yaml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _command(directory: Path) -> str | None:
    """The line of ``command.sh``, with the directory it is run in."""
    try:
        lines = (directory / COMMAND).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    words = shlex.split("\n".join(lines), comments=True)
    if "exec" not in words:
        return None
    place, argv = words[1 : words.index("exec") - 1], words[words.index("exec") + 1 :]
    return f"cd {shlex.join(place)} && {shlex.join(argv)}"


def _logs(directory: Path) -> list[Path]:
    """What the run wrote, its own logs last and stderr at the end, where the reason of a failure is."""
    first, last = directory / STDOUT, directory / STDERR
    own = sorted(path for path in directory.glob("*.log") if path not in (first, last))
    return [path for path in [first, *own[:_MOST_LOGS], last] if _size(path)]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def tail(path: Path, count: int) -> list[str]:
    """The last lines of a text file, of which no more is read than they may take."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    # A progress bar is drawn over by carriage returns: its last state is the line.
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return "\n".join(lines).rstrip().split("\n")[-count:] if count else []
