"""``status``: how far a study is."""

from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from ax_mo.commands.shared import number, one_line, say, say_json, study_at
from ax_mo.record import StudyRecord
from ax_mo.results.front import best_per_objective, hypervolume, pareto_front, reference_point
from ax_mo.study.trial import Status, Trial

_FAILURES = 3


def run(arguments: Namespace) -> None:
    record = study_at(arguments.source)
    state = state_of(record)
    if arguments.json:
        say_json(_as_json(record, state))
    else:
        say(_screen(record, state))


@dataclass(frozen=True)
class State:
    """A study at one moment."""

    word: str
    """``running``, ``ended`` when all its trials have, and ``stopped`` when some are left to do and nobody does."""
    counts: dict[str, int]
    n_trials: int | None
    front: list[Trial]
    hypervolume: float | None
    reference: dict[str, float]
    best: dict[str, Trial]
    failures: list[Trial]
    """The latest, the last one first."""


def state_of(record: StudyRecord) -> State:
    own = [trial for trial in record.trials if trial.number >= 0]
    counts = {status.value: sum(t.status is status for t in record.trials) for status in Status}
    given = record.settings.get("n_trials")
    n_trials = given if isinstance(given, int) else None
    ended = sum(trial.status.ended for trial in own)
    everything = ended == len(own) and (n_trials is None or ended >= n_trials)
    front = pareto_front(record.trials, record.goals)
    reference = reference_point(record.trials, record.goals)
    failed = [trial for trial in own if trial.status is Status.FAILED]
    return State(
        word="running" if record.is_running else "ended" if everything else "stopped",
        counts=counts,
        n_trials=n_trials,
        front=front,
        hypervolume=hypervolume(front, record.goals, reference) if front else None,
        reference=reference,
        best=best_per_objective(record.trials, record.goals),
        failures=sorted(failed, key=lambda trial: trial.ended or "", reverse=True)[:_FAILURES],
    )


def _screen(record: StudyRecord, state: State) -> str:
    own = [trial for trial in record.trials if trial.number >= 0]
    ended = sum(trial.status.ended for trial in own)
    total = "" if state.n_trials is None else f" of {state.n_trials}"
    counted = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in state.counts.items() if count)
    lines = [
        f"{record.name}: {state.word}, {ended}{total} trials ended" + (f" ({counted})" if counted else ""),
        f"  directory    {record.directory}",
    ]
    for o in record.goals.objectives:
        of_best = state.best.get(o.name)
        value = "no result yet" if of_best is None else f"{number(of_best.metrics[o.name])}  (trial {of_best.label})"
        threshold = "" if o.threshold is None else f", threshold {number(o.threshold)}"
        lines.append(f"  best {o.name}  {value}  {o.goal}{threshold}")
    if state.hypervolume is not None:
        point = ", ".join(f"{name}={number(value)}" for name, value in state.reference.items())
        lines.append(f"  front        {len(state.front)} trials, hypervolume {number(state.hypervolume)} from {point}")
    if state.failures:
        lines.append("  last failures")
        lines += [f"    trial {trial.label}: {one_line(trial.reason or '')}" for trial in state.failures]
    resume = record.commands.get("resume")
    if resume and state.word != "running":
        lines.append(f"  {'resume' if state.word == 'stopped' else 'go on, with more n_trials'}: {resume}")
    return "\n".join(lines)


def _as_json(record: StudyRecord, state: State) -> dict[str, Any]:
    return {
        "study": record.name,
        "state": state.word,
        "directory": str(record.directory),
        "created": record.created,
        "n_trials": state.n_trials,
        "counts": state.counts,
        "objectives": {o.name: {"goal": o.goal, "threshold": o.threshold} for o in record.goals.objectives},
        "best": {
            name: {"value": trial.metrics[name], "trial": trial.number} for name, trial in state.best.items()
        },
        "front": [trial.number for trial in state.front],
        "hypervolume": state.hypervolume,
        "reference_point": state.reference,
        "last_failures": [{"trial": trial.number, "reason": trial.reason} for trial in state.failures],
        "commands": dict(record.commands),
    }  # fmt: skip
