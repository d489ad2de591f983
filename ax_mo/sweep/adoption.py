"""What becomes of the runs that an earlier sweeper left open: adopted, awaited, ended, or put in line again."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ax_mo.core.process import identity
from ax_mo.core.trial import Key, Status, TrialRun
from ax_mo.runner.job import Job, Jobs, JobState, NoAnswer, Phase, job_name
from ax_mo.runner.retry import Silence
from ax_mo.storage.home import Home
from ax_mo.sweep.ledger import Ledger
from ax_mo.sweep.resume import Resumption, RetryPolicy


@dataclass
class Adopted:
    """What a sweeper takes over."""

    running: dict[Key, Job] = field(default_factory=dict)
    elsewhere: dict[Key, str] = field(default_factory=dict)
    """Of those: out of this machine's reach, and where they are."""
    again: list[tuple[TrialRun, bool]] = field(default_factory=list)
    """To run once more, and whether they died."""
    opened: list[TrialRun] = field(default_factory=list)
    """Ready to be submitted."""


def settle(ledger: Ledger, run: TrialRun, state: JobState, retries: RetryPolicy, started: bool = True) -> Resumption:
    """End a run of an earlier sweeper that does not run any more, or say that it is to run again."""
    found = ledger.settle(run, state, started, retries.allowed(state))
    if found is Resumption.AFTER_DEATH:
        ledger.screen.notice(f"Trial {run.label} {state.message or 'has died'}; it runs once more.")
    return found


class Adoption:
    """``may_wait`` waits for a moment and tells whether to go on waiting for a scheduler that does not answer."""

    def __init__(
        self, ledger: Ledger, jobs: Jobs, retries: RetryPolicy, silence: Silence, may_wait: Callable[[], bool]
    ) -> None:
        self._ledger = ledger
        self._jobs = jobs
        self._retries = retries
        self._silence = silence
        self._may_wait = may_wait
        self._adopted = Adopted()

    def adopt(self) -> Adopted:
        """Look at each open run; results that have come meanwhile are used at once."""
        ledger, home = self._ledger, self._ledger.home
        if home.original is not None:
            self._leave_to(home.original)
            return self._adopted
        for run in ledger.open_runs():
            try:
                self._look_at(run)
            except NoAnswer:  # and the user does not want to wait for one
                return self._adopted
        if self._adopted.running.keys() - self._adopted.elsewhere and home.former is not None:
            ledger.screen.notice(_moved(home, home.former))
        return self._adopted

    def _look_at(self, run: TrialRun) -> None:
        handle = self._handle_of(run)
        job = Job(handle, self._ledger.directory(run))
        started = bool(handle) or identity(job.directory) is not None  # its handle may never have been written
        state = JobState(Phase.ENDED)
        cancelled = run.status is Status.CANCELLED
        # A scheduler may take its time to end a job; a cancelled process was seen to end.
        if started and not (cancelled and not self._jobs.has_queue):
            (state,) = self._jobs.states([job])
        if cancelled and state.phase is Phase.UNKNOWN and not state.message:
            state = JobState(Phase.ENDED)  # it was told to end, and its scheduler has forgotten it
        if state.place and self._ledger.has_result(run):
            state = JobState(Phase.ENDED)  # all that can be known of it
        if state.phase is not Phase.ENDED:
            self._watch(run, job, state)
            return
        found = settle(self._ledger, run, state, self._retries, started)
        if found is not Resumption.ENDED:
            self._adopted.again.append((run, found is Resumption.AFTER_DEATH))

    def _watch(self, run: TrialRun, job: Job, state: JobState) -> None:
        self._adopted.running[run.key] = job
        self._ledger.ask_again(run)
        if state.place:
            self._adopted.elsewhere[run.key] = state.place
            self._ledger.screen.notice(_awaited(run, state.place, self._ledger.sweep_dir))
        elif run.status is Status.CANCELLED:
            self._ledger.screen.notice(f"Trial {run.label} was cancelled and has not ended yet; it runs again then.")
        else:
            self._ledger.screen.notice(f"Trial {run.label} is still running; watching it again.")

    def _handle_of(self, run: TrialRun) -> str:
        """The run's handle, noted now if its sweeper did not live to do so; empty where it was never submitted.

        Waits for a scheduler that does not answer. Raises NoAnswer when that is not wanted any more.
        """
        if run.handle or run.status is Status.CANCELLED:
            return run.handle or ""
        ledger = self._ledger
        name = job_name(ledger.home.token, run.number, run.repeat, run.attempt)
        while True:
            try:
                handle = self._jobs.find(name, ledger.directory(run))
                break
            except NoAnswer as error:
                self._notice(self._silence.unanswered(f"Whether trial {run.label} was submitted is not known: {error}"))
                if not self._may_wait():
                    raise
        self._notice(self._silence.answered())
        if handle is not None:
            ledger.submitted(run.key, handle, waits=self._jobs.has_queue)
        return handle or ""

    def _leave_to(self, original: Path) -> None:
        """In a copy of a sweep directory, no job of an open trial is ours: what left no result runs here once more."""
        ledger = self._ledger
        again = [
            run
            for run in ledger.open_runs()
            if ledger.settle(run, JobState(Phase.ENDED), False) is not Resumption.ENDED
        ]
        if again:
            ledger.screen.notice(
                f"{ledger.sweep_dir} is a copy of {original}, whose jobs are left alone; run here once more: "
                f"trial {', '.join(run.label for run in again)}."
            )
        # At once, so that whoever comes next takes nothing of theirs for its own.
        self._adopted.opened += [ledger.again(run) for run in again]
        ledger.home.settled()

    def _notice(self, text: str | None) -> None:
        if text is not None:
            self._ledger.screen.notice(text)


def _moved(home: Home, former: Path) -> str:
    """What to say of running trials whose command lines name a directory that is not there any more."""
    text = f"{home.directory} was moved from {former}, where the running trials may still write what they save. "
    if home.link_former():
        return f"{text}It is a link to the directory now; remove it when they have ended."
    return f"{text}Look there for it: no link to the directory could be made."


def _awaited(run: TrialRun, place: str, sweep_dir: Path) -> str:
    since = f" at {run.submitted}" if run.submitted else ""
    which = shlex.join(["ax-mo", "adopt", str(sweep_dir), "--lost", str(run.number)])
    return (
        f"Trial {run.label} was started on {place}{since}; its result is awaited. If it does not run any more: {which}"
    )
