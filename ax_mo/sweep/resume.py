"""What a sweep does first with what an earlier one has left: files half written, and runs that are still open."""

import re
import shlex
from collections.abc import Callable

from ax_mo.core.process import alive, identity
from ax_mo.core.trial import Status, Trial, TrialRun
from ax_mo.errors import StudyStopped
from ax_mo.html_report import REPORT
from ax_mo.hydra_project.saved import MULTIRUN
from ax_mo.results.files import PARETO, RESULTS
from ax_mo.runner.job import JobState, Phase
from ax_mo.runner.local.elsewhere import declared_lost, out_of_reach
from ax_mo.runner.runner import Runner
from ax_mo.runner.settings import LOCAL
from ax_mo.storage.sweep_directory import DUMP, IDENTITY, TRIALS
from ax_mo.sweep.job_changes import Retry, outcome_of_orphan
from ax_mo.sweep.study import Study
from ax_mo.trackers import FOLDER
from ax_mo.trial.files import OF_A_TRIAL, remove_unfinished

_OF_A_SWEEP = (MULTIRUN, TRIALS, RESULTS, DUMP, REPORT, IDENTITY)
_OF_PARETO = re.compile(r"(trial|imported)_\d+\.yaml")


def remove_leftovers(study: Study) -> None:
    """Remove temporary files that killed processes have left: the sweep's own, and those of runs that have ended."""
    sweep_dir = study.spec.sweep_dir
    remove_unfinished(sweep_dir, _OF_A_SWEEP.__contains__)
    remove_unfinished(sweep_dir / PARETO, lambda name: _OF_PARETO.fullmatch(name) is not None)
    remove_unfinished(sweep_dir / FOLDER, lambda name: name.endswith(".json"))
    for run in study.runs.values():
        if run.status.ended and not run.is_imported:
            remove_unfinished(study.directory(run), OF_A_TRIAL.__contains__)


def resume(study: Study, runner: Runner, notice: Callable[[str], None]) -> list[Trial | None]:
    """Give every open run to the runner, which finds out what has become of it.

    In a copy of a sweep directory no job of an open run is ours: what left no result runs here once more. Returns the
    trials that have ended with what was found there.
    """
    original = study.home.original
    if original is None:
        for run in study.open_runs():
            runner.adopt(run, study.creator.job_name(run), study.directory(run))
        return []
    again: list[TrialRun] = []
    ended: list[Trial | None] = []
    for run in study.open_runs():
        found = outcome_of_orphan(study, run, JobState(Phase.ENDED), began=False)
        if isinstance(found, Retry):
            again.append(run)
        else:
            ended.append(study.finish(run.key, found))
    if again:
        notice(
            f"{study.spec.sweep_dir} is a copy of {original}, whose jobs are left alone; run here once more: "
            f"trial {', '.join(run.label for run in again)}."
        )
    for run in again:  # at once, so that whoever comes next takes nothing of theirs for its own
        study.put_back(study.retry(run))
    study.home = study.home.settled()
    return ended


def refuse_jobs_of_another(study: Study, scheduler: str | None) -> None:
    """Raises StudyStopped where jobs of other schedulers may go on; None is a launcher that has no scheduler.

    Their trials must not run twice, and this sweep's launcher cannot ask. A cancelled run's job was told to end by its
    own scheduler.
    """
    if study.home.original is not None:
        return  # no job of an open trial is ours
    by_scheduler: dict[str, list[TrialRun]] = {}
    for run in study.open_runs():
        unnoted = f"{LOCAL}://" if run.handle is None and identity(study.directory(run)) is not None else ""
        whose, is_handle, _ = (run.handle or unnoted).partition("://")
        if is_handle and whose != scheduler and run.status is not Status.CANCELLED and _may_go_on(study, run, whose):
            by_scheduler.setdefault(whose, []).append(run)
    launcher = "hydra/launcher=torchx " if scheduler is None else ""
    told: list[str] = []
    for whose, runs in by_scheduler.items():
        numbers = dict.fromkeys(str(run.number) for run in runs)
        lost = shlex.join(["ax-mo", "adopt", str(study.spec.sweep_dir), "--lost", *numbers])
        told.append(
            f"Submitted to the scheduler '{whose}', and not known to have ended: trial "
            f"{', '.join(run.label for run in runs)}. Only that scheduler can tell. Resume with "
            f"{launcher}hydra.launcher.scheduler={whose}, or when all have ended. To give up what does not run any "
            f"more: {lost}"
        )
    if told:
        raise StudyStopped("\n".join(told))


def _may_go_on(study: Study, run: TrialRun, whose: str) -> bool:
    directory = study.directory(run)
    if study.has_result(run) or declared_lost(directory, run.handle or ""):
        return False
    if whose != LOCAL:
        return True
    process = identity(directory)
    return process is not None and (alive(process) or out_of_reach(directory, process))
