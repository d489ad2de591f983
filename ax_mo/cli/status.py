"""``status``: how far a study is."""

from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from ax_mo.cli.lines import from_here
from ax_mo.cli.shared import number, one_line, say, say_json, study_at
from ax_mo.core.pareto import best_per_objective, hypervolume, pareto_front, reference_point
from ax_mo.core.trial import Status, Trial
from ax_mo.results.commands import working_directory
from ax_mo.results.standing import limits, none_feasible, standings, unfinished
from ax_mo.storage.snapshot import StudySnapshot, StudyState
from ax_mo.terminal.terminal import folded
from ax_mo.terminal.text import MISSES

_FAILURES = 3


def run(arguments: Namespace) -> None:
    record = study_at(arguments.source)
    state = summary_of(record)
    if arguments.json:
        say_json(_as_json(record, state))
    else:
        say(_screen(record, state))


@dataclass(frozen=True)
class Summary:
    """A study at one moment."""

    word: StudyState
    counts: dict[str, int]
    """By status, as it was recorded."""
    unfinished: list[Trial]
    """What a sweeper that is gone has left: recorded as asked or running, and known to be neither."""
    front: list[Trial]
    hypervolume: float | None
    reference: dict[str, float]
    best: dict[str, Trial]
    failures: list[Trial]
    """The latest, the last one first."""


def summary_of(record: StudySnapshot) -> Summary:
    own = [trial for trial in record.trials if not trial.is_imported]
    front = pareto_front(record.trials, record.goals)
    reference = reference_point(record.trials, record.goals)
    failed = [trial for trial in own if trial.status is Status.FAILED]
    return Summary(
        word=record.state,
        counts={status.value: sum(t.status is status for t in record.trials) for status in Status},
        unfinished=unfinished(record),
        front=front,
        hypervolume=hypervolume(front, record.goals, reference) if front else None,
        reference=reference,
        best=best_per_objective(record.trials, record.goals),
        failures=sorted(failed, key=lambda trial: trial.ended or "", reverse=True)[:_FAILURES],
    )


def _screen(record: StudySnapshot, state: Summary) -> str:
    own = [trial for trial in record.trials if not trial.is_imported]
    uncounted = record.uncounted
    ended = sum(trial.status.ended for trial in own) - len(uncounted)
    total = "" if record.n_trials is None else f" of {record.n_trials}"
    lines = [
        folded(
            f"{record.name}: {state.word}, {ended}{total} trials ended"
            + (f" ({standings(record)})" if record.trials else "")
        ),
        f"  directory    {record.directory}",
    ]
    if state.word is StudyState.ENDED and record.stop_reason:
        lines.append(folded(f"  why          {record.stop_reason}"))
    if uncounted:
        which = ", ".join(map(str, sorted(uncounted)))
        lines.append(folded(f"  not counted  {len(uncounted)} trials that failed by the same error: {which}"))
    if state.unfinished:
        which = ", ".join(trial.label for trial in state.unfinished)
        were = "1 trial was" if len(state.unfinished) == 1 else f"{len(state.unfinished)} trials were"
        lines.append(folded(f"  unfinished   {were} left by a sweeper that is gone: {which}"))
    for o in record.goals.objectives:
        of_best = state.best.get(o.name)
        value = "no result yet" if of_best is None else f"{number(of_best.metrics[o.name])}  (trial {of_best.label})"
        short = of_best is not None and not record.goals.meets_thresholds(of_best.metrics)
        lines.append(folded(f"  best {o.name}  {value}  {o.described}" + (f"; {MISSES}" if short else "")))
    none = none_feasible(record.trials, record.goals)
    if none is not None:
        lines.append(folded(f"  constraints  {one_line(none)}"))
    if state.hypervolume is not None:
        point = ", ".join(f"{name}={number(value)}" for name, value in state.reference.items())
        trials = "1 trial" if len(state.front) == 1 else f"{len(state.front)} trials"
        lines.append(folded(f"  front        {trials}, hypervolume {number(state.hypervolume)} from {point}"))
    if state.failures:
        lines.append("  last failures")
        lines += [folded(f"    trial {trial.label}: {one_line(trial.reason or '')}") for trial in state.failures]
    resume = record.commands.get("resume")
    if resume and record.way_on and state.word is not StudyState.RUNNING:
        lines.append(f"  {record.way_on}: {from_here(record, resume)}")
    return "\n".join(lines)


def _as_json(record: StudySnapshot, state: Summary) -> dict[str, Any]:
    return {
        "study": record.name,
        "state": state.word.value,
        "ending": None if record.stop_reason is None else record.stop_reason.text,
        "directory": str(record.directory),
        "created": record.created,
        "n_trials": record.n_trials,
        "counts": state.counts,
        "uncounted": sorted(record.uncounted),
        "pending": [trial.number for trial in record.trials if trial.is_pending],
        "unfinished": [trial.number for trial in state.unfinished],
        "objectives": {o.name: {"goal": o.goal, "threshold": o.threshold} for o in record.goals.objectives},
        "constraints": [
            {"constraint": limit.text, "met": limit.met, "of": limit.of}
            for limit in limits(record.trials, record.goals)
            if limit.kind == "constraint"
        ],
        "best": {
            name: {
                "value": trial.metrics[name],
                "trial": trial.number,
                "meets_thresholds": record.goals.meets_thresholds(trial.metrics),
            }
            for name, trial in state.best.items()
        },
        "front": [trial.number for trial in state.front],
        "hypervolume": state.hypervolume,
        "reference_point": state.reference,
        "last_failures": [{"trial": trial.number, "reason": trial.reason} for trial in state.failures],
        "commands": dict(record.commands),
        "working_directory": working_directory(record),
    }  # fmt: skip
