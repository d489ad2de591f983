"""``pareto``: the front, or one trial to take."""

from argparse import Namespace
from collections.abc import Sequence

from ax_mo.choosing import best, candidates, knee, known_metric, parse_conditions, why_none
from ax_mo.commands.shared import point_command, say, say_exactly, say_json, study_at
from ax_mo.errors import AxMoError
from ax_mo.record import StudyRecord
from ax_mo.results.files import trials_csv
from ax_mo.results.front import pareto_front
from ax_mo.results.promote import recipe_name
from ax_mo.screen import front_table, printable
from ax_mo.study.trial import Trial
from ax_mo.tables import front_numbers, trial_as_json


def run(arguments: Namespace) -> None:
    if arguments.knee and arguments.by:
        raise AxMoError("--knee and --max or --min choose one trial each; give one of them.")
    if arguments.json and arguments.format not in (None, "json"):
        raise AxMoError(f"--json and --format {arguments.format} contradict each other; give one of them.")
    record = study_at(arguments.source)
    trials = chosen(record, arguments.by or [], arguments.knee, arguments.where)
    form = "json" if arguments.json else arguments.format or "table"
    if form == "json":
        front = front_numbers(record)
        say_json([trial_as_json(trial, record, front) for trial in trials])
    elif form == "csv":
        say_exactly(trials_csv(trials, record.space.keys, record.goals))
    elif form == "md":
        say(_markdown(trials, record))
    else:
        say(_table(trials, record, one=bool(arguments.by) or arguments.knee))


def chosen(record: StudyRecord, order: Sequence[tuple[str, bool]], at_knee: bool, where: Sequence[str]) -> list[Trial]:
    """What was asked for. Raises AxMoError for an unknown metric, and where one trial was wanted and there is none."""
    trials, goals = record.trials, record.goals
    conditions = parse_conditions(where, trials, goals)
    for name, maximize in order:
        known_metric(name, trials, goals, "--max" if maximize else "--min")
    if not order and not at_knee:
        return pareto_front(candidates(trials, goals, conditions), goals)
    trial = best(trials, goals, order, conditions) if order else knee(trials, goals, conditions)
    if trial is None:
        raise AxMoError(f"There is nothing to choose from: {why_none(trials, goals)}.")
    return [trial]


def _table(trials: Sequence[Trial], record: StudyRecord, one: bool) -> str:
    if not trials:
        return "The front is empty: no trial has a result that meets the conditions."
    text = front_table(trials, record.goals, record.space.keys)
    if not one:
        return text
    (trial,) = trials
    front = front_numbers(record)
    lines = [text, ""]
    lines += [f"{name} = {value:.6g}" for name, value in trial.metrics.items() if name not in record.goals.names]
    if trial.number not in front:
        lines.append("It is not on the front: others are better in every objective, or as good and better in one.")
    again = point_command(record, recipe_name(trial), front, trial.number)
    lines += [] if again is None else [f"Run it again: {again}"]
    return "\n".join(lines)


def _markdown(trials: Sequence[Trial], record: StudyRecord) -> str:
    header = ["trial", *record.goals.names, *record.space.keys]
    rows = [
        [
            trial.label,
            *(f"{trial.metrics[name]:.6g}" for name in record.goals.names),
            *(_cell(trial.point[key]) if key in trial.point else "" for key in record.space.keys),
        ]
        for trial in trials
    ]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
