"""``adopt``: where a study's open trials run, and which of them the user declares lost."""

import shlex
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_mo.cli.shared import say, say_json, study_at, trial_named
from ax_mo.core.process import alive, identity
from ax_mo.core.trial import Status, TrialRun
from ax_mo.errors import AxMoError
from ax_mo.results.standing import standing
from ax_mo.runner.local.elsewhere import declare_lost, out_of_reach, silence
from ax_mo.runner.outcome import result_of
from ax_mo.runner.settings import LOCAL
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.storage.sweep_directory import original_of


def adopt_command(arguments: Namespace) -> None:
    """Print where the open trials are, or note which of them are lost."""
    record = study_at(arguments.source)
    original = original_of(record.directory)
    if original is not None:
        raise AxMoError(
            f"{record.directory} is a copy of {original}, and the jobs of its open trials are that one's. A resume "
            "leaves them alone and runs those trials here once more."
        )
    runs = [_look(run, record.directory) for run in record.runs if run.status in (Status.ASKED, Status.RUNNING)]
    if arguments.lost is None:
        if arguments.json:
            say_json({"open": [run.as_json() for run in runs]})
        else:
            _list(runs, record)
        return
    lost = _named(arguments.lost, runs, record) if arguments.lost else [run for run in runs if run.is_elsewhere]
    if not lost:
        raise AxMoError("No open trial was started on another machine or in another container.")
    for one in lost:
        declare_lost(one.directory, one.run.handle or "")
    if arguments.json:
        say_json({"lost": [one.as_json() for one in lost]})
        return
    for one in lost:
        say(f"Trial {one.run.label} counts as lost on {one.place}.")
    if record.is_running:
        say("The sweeper that is running takes note of it, unless it sees for itself that they run.")
    else:
        say("A resume runs what is lost once more.")


@dataclass(frozen=True)
class OpenRun:
    """A run that has not ended, and what can be told of it from this machine."""

    run: TrialRun
    directory: Path
    place: str
    """Where it is, for people."""
    told: str
    """What it does: the rest of a sentence that begins with the trial."""
    is_elsewhere: bool = False
    """Whether it was started where nobody here can look."""
    may_be_lost: bool = False

    def as_json(self) -> dict[str, Any]:
        """The run as ``--json`` prints it."""
        where = {"directory": str(self.directory), "place": self.place, "elsewhere": self.is_elsewhere}
        return {"trial": self.run.number, "repeat": self.run.repeat, **where, "status": self.told}


def _look(run: TrialRun, sweep_dir: Path) -> OpenRun:
    directory = sweep_dir / run.directory
    process = identity(directory)
    place = process.place if process else run.handle or "an unknown machine"
    since = f", since {run.submitted}" if run.submitted else ""

    def found(told: str, is_elsewhere: bool = False, may_be_lost: bool = False) -> OpenRun:
        return OpenRun(run, directory, place, told, is_elsewhere, may_be_lost)

    if result_of(directory, run.number, run.attempt) is not None:
        return found("has left its result, which a resume takes")
    if run.handle and not run.handle.startswith(LOCAL):
        if "://" not in run.handle:
            return found("was given to the sweep's own launcher, and ends with the sweep")
        told = f"is a job of a scheduler, which tells a resume whether it runs: {run.handle}{since}"
        # A resume may have another launcher, which cannot ask. One that can does.
        return found(told, may_be_lost=True)
    if process is None and not run.handle:
        return found("has not been started")
    if process is not None and alive(process):
        return found(f"runs on this machine (pid {process.pid}){since}")
    if process is not None and out_of_reach(directory, process):
        silent = silence(directory)
        life = "no sign of life so far" if silent is None else f"last sign of life {silent:.0f} s ago"
        return found(f"was started on {place}{since}; {life}", is_elsewhere=True, may_be_lost=True)
    return found("does not run any more, and runs once more in a resume")


def _list(runs: Sequence[OpenRun], record: StudySnapshot) -> None:
    for run in runs:
        say(f"trial {run.run.label}: {run.told}")
    if not runs:
        say("No trial is open.")
    if any(run.is_elsewhere for run in runs):
        which = shlex.join(["ax-mo", "adopt", str(record.directory), "--lost"])
        say(f"What was started elsewhere is awaited. For what does not run any more: {which} TRIAL")


def _named(names: Sequence[str], runs: Sequence[OpenRun], record: StudySnapshot) -> list[OpenRun]:
    """The runs of those trials that may be lost. Raises AxMoError for a trial of which more is known."""
    found: dict[Path, OpenRun] = {}
    for name in names:
        trial = trial_named(record, name)
        of_trial = [run for run in runs if run.run.number == trial.number]
        if not of_trial:
            raise AxMoError(f"Trial {trial.label} is not open: {standing(trial, record.is_running)}.")
        if not any(run.may_be_lost for run in of_trial):
            raise AxMoError(f"Trial {of_trial[0].run.label} {of_trial[0].told}.")
        found |= {run.directory: run for run in of_trial if run.may_be_lost}
    return list(found.values())
