"""``status``: how far a study is."""

import shlex
from argparse import Namespace
from typing import Any

from ax_mo.cli.lines import resume_here
from ax_mo.cli.shared import number, one_line, say, say_json, study_at
from ax_mo.core.pareto import best_per_objective, hypervolume, pareto_front, reference_point
from ax_mo.core.request import RequestKind, enqueued, pause_of
from ax_mo.core.trial import SOBOL_ERROR, SOBOL_TIMEOUT, Status, Trial
from ax_mo.hydra_project.program import how_to_resume
from ax_mo.results.commands import working_directory
from ax_mo.results.standing import (
    budgets,
    budgets_text,
    in_place_of_model,
    limits,
    none_feasible,
    standings,
    unfinished,
)
from ax_mo.storage.snapshot import StudySnapshot, StudyState
from ax_mo.terminal.terminal import folded
from ax_mo.terminal.text import MISSES

_FAILURES = 3


def status_command(arguments: Namespace) -> None:
    """Print how far the study is."""
    record = study_at(arguments.source)
    if arguments.json:
        say_json(_as_json(record))
    else:
        say(_screen(record))


def front_of(record: StudySnapshot) -> tuple[list[Trial], float | None, dict[str, float]]:
    """The front, its hypervolume (None where it is empty), and the reference point of that."""
    front = pareto_front(record.trials, record.goals)
    reference = reference_point(record.trials, record.goals)
    return front, hypervolume(front, record.goals, reference) if front else None, reference


def _latest_failures(record: StudySnapshot) -> list[Trial]:
    failed = [trial for trial in record.trials if trial.status is Status.FAILED and not trial.is_imported]
    return sorted(failed, key=lambda trial: trial.ended or "", reverse=True)[:_FAILURES]


def _screen(record: StudySnapshot) -> str:
    own = [trial for trial in record.trials if not trial.is_imported]
    uncounted = record.uncounted
    ended = sum(trial.status.ended for trial in own) - len(uncounted)
    total = "" if record.n_trials is None else f" of {record.n_trials}"
    lines = [
        folded(
            f"{record.name}: {record.state}, {ended}{total} trials ended"
            + (f" ({standings(record)})" if record.trials else "")
        ),
        f"  directory    {record.directory}",
    ]
    if record.state is StudyState.ENDED and record.stop_reason:
        lines.append(folded(f"  why          {record.stop_reason}"))
    if (pause := pause_of(record.requests)) is not None:
        lines.append(folded(f"  paused       by {pause.origin}; ax-mo resume lets it go on"))
    for request in enqueued(record.requests):
        lines.append(folded(f"{f'  queue {request.id}':<15}{one_line(request.text)}, by {request.by}"))
    for request in record.requests:
        if request.kind in (RequestKind.STOP, RequestKind.SET):
            lines.append(folded(f"  asked for    {request.kind} {one_line(request.text)}, by {request.by}"))
    if uncounted:
        which = ", ".join(map(str, sorted(uncounted)))
        lines.append(folded(f"  not counted  {len(uncounted)} trials that failed by the same error: {which}"))
    if left := unfinished(record):
        which = ", ".join(trial.label for trial in left)
        were = "1 trial was" if len(left) == 1 else f"{len(left)} trials were"
        lines.append(folded(f"  unfinished   {were} left by a sweeper that is gone: {which}"))
    if reached := budgets_text(own):
        lines.append(folded(f"  came to      {reached}"))
    if instead := in_place_of_model(own):
        lines.append(folded(f"  suggestions  {instead}"))
    best = best_per_objective(record.trials, record.goals)
    for o in record.goals.objectives:
        of_best = best.get(o.name)
        value = "no result yet" if of_best is None else f"{number(of_best.metrics[o.name])}  (trial {of_best.label})"
        short = of_best is not None and not record.goals.meets_thresholds(of_best.metrics)
        lines.append(folded(f"  best {o.name}  {value}  {o.described}" + (f"; {MISSES}" if short else "")))
    none = none_feasible(record.trials, record.goals)
    if none is not None:
        lines.append(folded(f"  constraints  {one_line(none)}"))
    front, volume, reference = front_of(record)
    if volume is not None and len(record.goals.objectives) > 1:  # the best value says it all of one objective
        point = ", ".join(f"{name}={number(value)}" for name, value in reference.items())
        trials = "1 trial" if len(front) == 1 else f"{len(front)} trials"
        decades = f" ({record.goals.in_decades})" if record.goals.in_decades else ""
        lines.append(folded(f"  front        {trials}, hypervolume {number(volume)} from {point}{decades}"))
    if failures := _latest_failures(record):
        lines.append("  last failures")
        lines += [folded(f"    trial {trial.label}: {one_line(trial.reason or '')}") for trial in failures]
    if record.way_on and record.state is not StudyState.RUNNING:
        lines.append(f"  {record.way_on}: {resume_here(record)}")
    return "\n".join(lines)


def _commands(record: StudySnapshot) -> dict[str, str]:
    """Lines for a shell; ``{name}`` is that of a file in ``pareto/``."""
    lines = {"resume": how_to_resume(record.program, record.directory)}
    if record.program is not None:
        lines["pareto"] = shlex.join(record.program.words(["+pareto="], record.directory)) + "{name}"
    return lines


def _as_json(record: StudySnapshot) -> dict[str, Any]:
    front, volume, reference = front_of(record)
    pause = pause_of(record.requests)
    return {
        "study": record.name,
        "state": record.state.value,
        "ending": None if record.stop_reason is None else record.stop_reason.text,
        "directory": str(record.directory),
        "created": record.created,
        "n_trials": record.n_trials,
        "counts": {status.value: sum(t.status is status for t in record.trials) for status in Status},
        "uncounted": sorted(record.uncounted),
        "paused": None if pause is None else {"by": pause.by, "since": pause.made},
        "queue": [
            {"number": one.id, "overrides": list(one.words), "by": one.by, "made": one.made, "state": one.state.value}
            for one in enqueued(record.requests)
        ],
        "pending": [trial.number for trial in record.trials if trial.is_pending],
        "in_place_of_model": {
            why: sum(trial.generator == generator for trial in record.trials)
            for why, generator in (("timeout", SOBOL_TIMEOUT), ("error", SOBOL_ERROR))
        },
        "budgets": budgets(record.trials),
        "unfinished": [trial.number for trial in unfinished(record)],
        "objectives": record.goals.as_json(),
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
            for name, trial in best_per_objective(record.trials, record.goals).items()
        },
        "front": [trial.number for trial in front],
        "hypervolume": volume,
        "reference_point": reference,
        "last_failures": [{"trial": trial.number, "reason": trial.reason} for trial in _latest_failures(record)],
        "commands": _commands(record),
        "working_directory": working_directory(record),
    }  # fmt: skip
