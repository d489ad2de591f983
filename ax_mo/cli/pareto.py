"""``pareto``: the front, or one trial to take."""

from argparse import Namespace
from collections.abc import Sequence

from ax_mo.cli.lines import from_here, point_command
from ax_mo.cli.shared import say, say_exactly, say_json, study_at, tell, thresholds_note
from ax_mo.core.pareto import by_first_objective, pareto_front
from ax_mo.core.trial import Trial
from ax_mo.errors import AxMoError
from ax_mo.results.query import Names, TrialCondition, names_of, parse_condition
from ax_mo.results.select import best, candidates, knee, why_none
from ax_mo.results.tables import csv_text, front_numbers, trial_as_json
from ax_mo.storage.snapshot import StudySnapshot, StudyState
from ax_mo.terminal.terminal import draw, terminal_width
from ax_mo.terminal.text import front_table, printable, value_text


def pareto_command(arguments: Namespace) -> None:
    """Print the front, or the trial that was chosen."""
    one = arguments.knee or bool(arguments.by)
    if arguments.knee and arguments.by:
        raise AxMoError("--knee and --max or --min choose one trial each; give one of them.")
    if arguments.json and arguments.format not in (None, "json"):
        raise AxMoError(f"--json and --format {arguments.format} contradict each other; give one of them.")
    record = study_at(arguments.source)
    names = names_of(record.trials, record.goals, record.space)
    conditions = [parse_condition(text, names) for text in arguments.where]
    trials = _chosen(record, arguments, names, conditions)
    form = "json" if arguments.json else arguments.format or "table"
    if form == "json":
        front = front_numbers(record)
        say_json([trial_as_json(trial, record, front) for trial in trials])
    elif form == "csv":
        say_exactly(csv_text(trials, record))
    elif form == "md":
        say(_markdown(trials, record))
    elif not trials:
        tell(f"The front is empty: {why_none(record.trials, record.goals, conditions)}.")
    else:
        _tell(trials, record)
        if one:
            _tell_one(trials[0], record)
        _tell_state(record)


def _chosen(record: StudySnapshot, given: Namespace, names: Names, conditions: Sequence[TrialCondition]) -> list[Trial]:
    """What was asked for, from the best in the first objective.

    Raises AxMoError for an unknown name, and where one trial was wanted and there is none.
    """
    trials, goals, order = record.trials, record.goals, given.by or []
    for name, maximize in order:
        names.check_number(name, "--max" if maximize else "--min")
    if not order and not given.knee:
        return by_first_objective(pareto_front(candidates(trials, goals, conditions), goals), goals)
    trial = best(trials, goals, order, names, conditions) if order else knee(trials, goals, conditions)
    if trial is None:
        raise AxMoError(f"There is nothing to choose from: {why_none(trials, goals, conditions)}.")
    return [trial]


def _tell(trials: Sequence[Trial], record: StudySnapshot) -> None:
    width = terminal_width()
    if width is None:
        say(front_table(trials, record.goals, record.space.keys))
        return
    from ax_mo.terminal.front import rich_front

    draw(rich_front(trials, None, record.goals, record.space.keys, width))


def _tell_one(trial: Trial, record: StudySnapshot) -> None:
    say()
    for name, value in trial.metrics.items():
        if name not in record.goals.required:
            say(f"{name} = {value:.6g}")
    front = front_numbers(record)
    missed = thresholds_note(trial, record)
    if missed is not None:
        tell(missed)
    if trial.number not in front:
        better = "others are better in every objective, or as good and better in one"
        alone = len(record.goals.objectives) == 1
        tell(f"It is not the best in {record.goals.names[0]}." if alone else f"It is not on the front: {better}.")
    again = point_command(record, trial, front)
    if again is not None:
        say(f"Run it again: {from_here(record, again)}")


def _tell_state(record: StudySnapshot) -> None:
    """A front that may still change is not taken for the study's last."""
    state = record.state
    if state is not StudyState.ENDED:
        ended = sum(trial.status.ended for trial in record.trials if not trial.is_imported)
        of = "" if record.n_trials is None else f" of {record.n_trials}"
        tell(f"(The study is {state}; {ended}{of} trials have ended.)")


def _markdown(trials: Sequence[Trial], record: StudySnapshot) -> str:
    header = ["trial", *record.goals.required, *record.space.keys]
    rows = [
        [
            trial.label,
            *(f"{trial.metrics[name]:.6g}" for name in record.goals.required),
            *(_cell(trial.point[key]) if key in trial.point else "" for key in record.space.keys),
        ]
        for trial in trials
    ]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else value_text(value)


def _escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
