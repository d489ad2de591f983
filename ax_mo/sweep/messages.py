"""What the person is told at the start and at the end of a sweep."""

import shlex
from collections.abc import Iterable, Sequence

from ax_mo.core.objective import Objective
from ax_mo.core.pareto import by_first_objective, pareto_front
from ax_mo.core.trial import Trial
from ax_mo.core.urls import redacted
from ax_mo.results.files import PARETO, RESULTS
from ax_mo.results.promote import Recipes
from ax_mo.results.standing import in_place_of_model, none_feasible
from ax_mo.storage.definition import differences
from ax_mo.storage.sweep_directory import TRIALS
from ax_mo.sweep.spec import StudySpec
from ax_mo.sweep.study import Ending, Study
from ax_mo.terminal.progress import Conclusion, StudyProgress


def announcement(study: Study) -> str:
    """What is searched, and how to resume it."""
    spec = study.spec
    trials = [trial for trial in study.trials.values() if not trial.is_imported]
    ended = sum(trial.status.ended for trial in trials)
    goals = ", ".join(
        f"{o.name} {_way(o)}" + (f" ({details})" if (details := o.details) else "")
        for o in spec.plan.goals.settled(()).objectives
    )
    state = f"resuming after {ended} ended trials" if trials else "a new study"
    burnt = len(study.uncounted)
    if burnt:
        state += f", of which {burnt} do not count: they failed by the same error"
    return (
        f"ax_mo: {goals}; searching {', '.join(spec.plan.space.keys)}; {spec.settings.n_trials} trials, "
        f"{spec.settings.n_jobs} at once; {state}\n{spec.resume_line}"
    )


def _way(objective: Objective) -> str:
    """``up``, ``down``, ``near 90``, ``up = 0.7*acc - 0.3*log(size)``."""
    if objective.target is not None:
        return objective.goal
    way = "up" if objective.maximize else "down"
    return way if objective.expression is None else f"{way} = {objective.expression.text}"


def notices(spec: StudySpec, trials: Iterable[int], fixed: Sequence[str]) -> list[str]:
    """What is worth a second look. ``trials`` are the study's, ``fixed`` the overrides of its earlier ones."""
    lines = [] if any(number >= 0 for number in trials) else list(spec.plan.remarks)
    changes = differences(_by_key(fixed), _by_key(spec.plan.space.fixed))
    return lines + [
        f"an override of every trial differs from the study's earlier trials: {line}" for line in changes.values()
    ]


def conclusion(study: Study, progress: StudyProgress, recipes: Recipes, ending: Ending | None) -> Conclusion:
    """How the study ended, where its results are and how to go on."""
    spec, trials = study.spec, [study.trials[number] for number in sorted(study.trials)]
    front = pareto_front(trials, study.goals)
    why = f" ({study.stop_reason})" if study.stop_reason else ""
    stopped = f"{progress.stopped} stopped early, " if progress.stopped else ""
    return Conclusion(
        headline=(
            f"{ending or 'stopped'}{why}: {progress.completed} completed, {stopped}{progress.failed} failed of "
            f"{spec.settings.n_trials} trials"
        ),
        goals=study.goals,
        keys=spec.plan.space.keys,
        front=front,
        known=sum(trial.status.has_metrics for trial in study.trials.values()),
        hypervolume=progress.hypervolume,
        own=_own(spec, study),
        place=f"Everything is in {spec.sweep_dir}: {TRIALS}, {RESULTS}, {PARETO}/, a directory per trial",
        next=_next(spec, recipes, front),
        none_feasible=none_feasible(list(study.trials.values()), spec.plan.goals),
        in_place_of_model=in_place_of_model(study.trials.values()),
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


def _own(spec: StudySpec, study: Study) -> Trial | None:
    """The trial of the project's own configuration, which an earlier study may have run."""
    space = spec.plan.space
    points = {space.identity(first.point) for first in spec.plan.first if first.generator == "config"}
    known = [trial for trial in study.trials.values() if trial.status.has_metrics]
    return next((t for t in known if t.generator == "config" or space.identity(t.point) in points), None)


def _by_key(fixed: Sequence[str]) -> dict[str, str]:
    return {line.split("=", 1)[0]: line for line in fixed}
