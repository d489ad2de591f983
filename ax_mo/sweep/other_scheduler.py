"""Open jobs that were given to a scheduler which this sweep's launcher cannot ask: their trials must not run twice."""

import shlex
from collections.abc import Sequence

from ax_mo.core.process import alive, identity
from ax_mo.core.trial import Status, TrialRun
from ax_mo.errors import StudyStopped
from ax_mo.runner.elsewhere import declared_lost, out_of_reach
from ax_mo.runner.torchx_app import LOCAL
from ax_mo.sweep.ledger import Ledger


def refuse_jobs_of_another(ledger: Ledger, scheduler: str | None) -> None:
    """Raises StudyStopped where jobs of other schedulers may go on; None is a launcher that has no scheduler.

    A cancelled run's job was told to end by its own scheduler.
    """
    if ledger.home.original is not None:
        return  # no job of an open trial is ours
    by_scheduler: dict[str, list[TrialRun]] = {}
    for run in ledger.open_runs():
        whose, is_handle, _ = (run.handle or "").partition("://")
        if is_handle and whose != scheduler and run.status is not Status.CANCELLED and _may_go_on(ledger, run, whose):
            by_scheduler.setdefault(whose, []).append(run)
    if by_scheduler:
        told = [_told(ledger, runs, whose, scheduler) for whose, runs in by_scheduler.items()]
        raise StudyStopped("\n".join(told), leaves_jobs=True)


def _may_go_on(ledger: Ledger, run: TrialRun, whose: str) -> bool:
    directory = ledger.directory(run)
    if ledger.has_result(run) or declared_lost(directory, run.handle or ""):
        return False
    if whose != LOCAL:
        return True
    process = identity(directory)
    return process is not None and (alive(process) or out_of_reach(directory, process))


def _told(ledger: Ledger, runs: Sequence[TrialRun], whose: str, scheduler: str | None) -> str:
    launcher = "hydra/launcher=torchx " if scheduler is None else ""
    numbers = dict.fromkeys(str(run.number) for run in runs)
    lost = shlex.join(["ax-mo", "adopt", str(ledger.sweep_dir), "--lost", *numbers])
    return (
        f"Submitted to the scheduler '{whose}', and not known to have ended: trial "
        f"{', '.join(run.label for run in runs)}. Only that scheduler can tell. Resume with "
        f"{launcher}hydra.launcher.scheduler={whose}, or when all have ended. To give up what does not run any more: "
        f"{lost}"
    )
