"""``adopt``: where a study's open trials run, and which of them the user declares lost."""

import shlex
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ax_mo.cli.shared import say, study_at, trial_named
from ax_mo.core.process import Identity, alive, identity
from ax_mo.core.trial import Status, TrialRun
from ax_mo.errors import AxMoError
from ax_mo.results.standing import standing
from ax_mo.runner.elsewhere import declare_lost, out_of_reach, silence
from ax_mo.runner.outcome import result_of
from ax_mo.runner.settings import LOCAL
from ax_mo.storage.home import original_of
from ax_mo.storage.snapshot import StudySnapshot


def run(arguments: Namespace) -> None:
    record = study_at(arguments.source)
    original = original_of(record.directory)
    if original is not None:
        raise AxMoError(
            f"{record.directory} is a copy of {original}, and the jobs of its open trials are that one's. A resume "
            "leaves them alone and runs those trials here once more."
        )
    runs = [_look(run, record.directory) for run in record.runs if run.status in (Status.ASKED, Status.RUNNING)]
    if arguments.lost is None:
        say("\n".join(_listed(runs, record)))
        return
    lost = _named(arguments.lost, runs, record) if arguments.lost else _all_elsewhere(runs)
    for run in lost:
        declare_lost(run.directory, run.trial.handle or "")
        say(f"Trial {run.trial.label} counts as lost on {_place(run)}.")
    if record.is_running:
        say("The sweeper that is running takes note of it, unless it sees for itself that they run.")
    else:
        say("A resume runs what is lost once more.")


class _Where(StrEnum):
    """What can be told of an open run from this machine."""

    ARRIVED = "has left its result, which a resume takes"
    HERE = "runs on this machine"
    ELSEWHERE = "was started elsewhere"
    SCHEDULED = "is a job of a scheduler, which tells a resume whether it runs"
    LAUNCHED = "was given to the sweep's own launcher, and ends with the sweep"
    GONE = "does not run any more, and runs once more in a resume"
    WAITS = "has not been started"


@dataclass(frozen=True)
class _Run:
    trial: TrialRun
    directory: Path
    where: _Where
    process: Identity | None


def _look(run: TrialRun, sweep_dir: Path) -> _Run:
    directory = sweep_dir / run.directory
    process = identity(directory)
    return _Run(run, directory, _where(run, directory, process), process)


def _where(run: TrialRun, directory: Path, process: Identity | None) -> _Where:
    if result_of(directory, run.number, run.attempt) is not None:
        return _Where.ARRIVED
    if run.handle and not run.handle.startswith(LOCAL):
        return _Where.SCHEDULED if "://" in run.handle else _Where.LAUNCHED
    if process is None:
        return _Where.GONE if run.handle else _Where.WAITS
    if alive(process):
        return _Where.HERE
    return _Where.ELSEWHERE if out_of_reach(directory, process) else _Where.GONE


def _listed(runs: Sequence[_Run], record: StudySnapshot) -> list[str]:
    if not runs:
        return ["No trial is open."]
    lines = [f"trial {run.trial.label}: {_told(run)}" for run in runs]
    if any(run.where is _Where.ELSEWHERE for run in runs):
        which = shlex.join(["ax-mo", "adopt", str(record.directory), "--lost"])
        lines.append(f"What was started elsewhere is awaited. For what does not run any more: {which} TRIAL")
    return lines


def _told(run: _Run) -> str:
    since = f", since {run.trial.submitted}" if run.trial.submitted else ""
    if run.where is _Where.ELSEWHERE:
        silent = silence(run.directory)
        life = "no sign of life so far" if silent is None else f"last sign of life {silent:.0f} s ago"
        return f"was started on {_place(run)}{since}; {life}"
    if run.where is _Where.HERE:
        return f"{run.where} (pid {run.process.pid if run.process else '?'}){since}"
    if run.where is _Where.SCHEDULED:
        return f"{run.where}: {run.trial.handle}{since}"
    return run.where.value


def _place(run: _Run) -> str:
    return run.process.place if run.process else run.trial.handle or "an unknown machine"


def _all_elsewhere(runs: Sequence[_Run]) -> list[_Run]:
    found = [run for run in runs if run.where is _Where.ELSEWHERE]
    if not found:
        raise AxMoError("No open trial was started on another machine or in another container.")
    return found


def _named(names: Sequence[str], runs: Sequence[_Run], record: StudySnapshot) -> list[_Run]:
    """The runs of those trials that may be lost. Raises AxMoError for a trial of which more is known."""
    found: list[_Run] = []
    for name in names:
        trial = trial_named(record, name)
        of_trial = [run for run in runs if run.trial.number == trial.number]
        if not of_trial:
            raise AxMoError(f"Trial {trial.label} is not open: {standing(trial, record.is_running)}.")
        elsewhere = [run for run in of_trial if _may_be_lost(run)]
        if not elsewhere:
            raise AxMoError(f"Trial {of_trial[0].trial.label} {_told(of_trial[0])}.")
        found += [run for run in elsewhere if run not in found]
    return found


def _may_be_lost(run: _Run) -> bool:
    """Also any scheduler's job: a resume may have another launcher, which cannot ask. One that can does."""
    return run.where in (_Where.SCHEDULED, _Where.ELSEWHERE)
