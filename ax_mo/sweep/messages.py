"""What the person is told at the start and at the end of a sweep. Pure, but for what is already on disk."""

import shlex
from collections.abc import Iterable, Sequence

from ax_mo.core.limits import none_feasible
from ax_mo.core.trial import Trial
from ax_mo.core.urls import redacted
from ax_mo.results.files import PARETO, RESULTS, TRIALS
from ax_mo.results.promote import Recipes
from ax_mo.storage.store import differences
from ax_mo.sweep.ledger import Ledger
from ax_mo.sweep.loop import Ending
from ax_mo.sweep.spec import StudySpec
from ax_mo.terminal import Conclusion, Progress
from ax_mo.terminal.text import by_first_objective


def announcement(spec: StudySpec, ledger: Ledger) -> str:
    """What is searched, and how to resume it."""
    trials = [trial for trial in ledger.trials.values() if not trial.is_imported]
    ended = sum(trial.status.ended for trial in trials)
    goals = ", ".join(
        f"{o.name} {'up' if o.maximize else 'down'}{'' if o.threshold is None else f' (threshold {o.threshold:g})'}"
        for o in spec.plan.goals.objectives
    )
    state = f"resuming after {ended} ended trials" if trials else "a new study"
    burnt = ledger.progress().uncounted
    if burnt:
        state += f", of which {burnt} do not count: they failed by the same error"
    return (
        f"ax_mo: {goals}; searching {', '.join(spec.plan.space.keys)}; {spec.settings.n_trials} trials, "
        f"{spec.settings.n_jobs} at once; {state}\n{spec.resume_line}"
    )


def notices(spec: StudySpec, trials: Iterable[int], fixed: Sequence[str]) -> list[str]:
    """What is worth a second look. ``trials`` are the study's, ``fixed`` the overrides of its earlier ones."""
    lines = [] if any(number >= 0 for number in trials) else list(spec.plan.remarks)
    changes = differences(_by_key(fixed), _by_key(spec.plan.space.fixed))
    return lines + [f"an override of every trial differs from the study's earlier trials: {line}" for line in changes]


def conclusion(spec: StudySpec, ledger: Ledger, recipes: Recipes, ending: Ending | None) -> Conclusion:
    """How the study ended, where its results are and how to go on."""
    front, progress = ledger.front(), ledger.progress()
    why = f" ({ledger.closed})" if ledger.closed else ""
    return Conclusion(
        headline=f"{ending or 'stopped'}{why}: {_counts(progress)} of {spec.settings.n_trials} trials",
        goals=spec.plan.goals,
        keys=spec.plan.space.keys,
        front=front,
        known=sum(trial.status.has_metrics for trial in ledger.trials.values()),
        hypervolume=progress.hypervolume,
        own=_own(spec, ledger),
        place=f"Everything is in {spec.sweep_dir}: {TRIALS}, {RESULTS}, {PARETO}/, a directory per trial",
        next=_next(spec, recipes, front),
        none_feasible=none_feasible(list(ledger.trials.values()), spec.plan.goals),
    )


def _next(spec: StudySpec, recipes: Recipes, front: Sequence[Trial]) -> list[tuple[str, str]]:
    """What the user may want to do now, and the command for it."""
    goals = spec.plan.goals
    commands: list[tuple[str, str]] = []
    if front and spec.program is not None:
        first = by_first_objective(front, goals)
        best = next((trial for trial in first if goals.meets_thresholds(trial.metrics)), first[0])
        commands.append(("Run a point again", recipes.command(best)))
    if front:
        url, name = spec.database
        shown = redacted(url)  # with a password, the directory is not enough
        source = str(spec.sweep_dir) if shown == url else f"{shown}/{name}"
        commands.append(("Choose a point", shlex.join(["ax-mo", "pareto", source])))
    return [*commands, ("ax_mo: to resume", spec.how_to_resume)]


def _own(spec: StudySpec, ledger: Ledger) -> Trial | None:
    """The trial of the project's own configuration, which an earlier study may have run."""
    space = spec.plan.space
    points = {space.identity(first.point) for first in spec.plan.first if first.generator == "config"}
    known = [trial for trial in ledger.trials.values() if trial.status.has_metrics]
    return next((t for t in known if t.generator == "config" or space.identity(t.point) in points), None)


def _counts(progress: Progress) -> str:
    stopped = f"{progress.stopped} stopped early, " if progress.stopped else ""
    return f"{progress.completed} completed, {stopped}{progress.failed} failed"


def _by_key(fixed: Sequence[str]) -> dict[str, str]:
    return {line.split("=", 1)[0]: line for line in fixed}
