"""The loop: take in what has ended, fill the free workers, let the callbacks look, wait."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ax_mo.core.trial import Key, Trial
from ax_mo.runner.job import JobSpec
from ax_mo.runner.runner import Runner
from ax_mo.sweep.callbacks import Callback
from ax_mo.sweep.interrupts import Interrupts
from ax_mo.sweep.job_changes import apply_change
from ax_mo.sweep.resume import resume
from ax_mo.sweep.study import Ending, Study
from ax_mo.sweep.suggestions import Suggestions


@dataclass(frozen=True)
class Loop:
    """What a sweep is made of while it runs; ``notice`` tells the person at the terminal."""

    study: Study
    suggestions: Suggestions
    runner: Runner
    callbacks: Sequence[Callback]
    interrupts: Interrupts
    notice: Callable[[str], None]

    def run(self) -> Ending:
        """Run trials until no more are wanted, with signals caught, and let go of the jobs whatever happens.

        Raises StudyStopped when the study cannot go on; jobs that run do go on.
        """
        self.study.store.wait.while_waiting = lambda: self.interrupts.check_while_waiting(self.notice)
        with self.interrupts.caught():
            try:
                return self._run()
            except BaseException:
                if self.study.active and self.runner.outlives_sweeper:
                    self.notice(f"What runs goes on, and a resume adopts it: trial {self._labels(self.study.active)}.")
                raise
            finally:
                self.runner.close()

    def _run(self) -> Ending:
        study, runner, interrupts = self.study, self.runner, self.interrupts
        self._tell_ended(*resume(study, runner, self.notice))
        while study.wants_more or runner.busy:
            if interrupts.count > 1:
                return self._cancel()
            if interrupts.count and not study.draining:
                self._drain()
            for change in runner.collect():
                self._tell_ended(apply_change(study, change, self.notice))
            self._fill_free_workers()
            self._tick()
            for key, cause in study.take_end_requests():
                runner.end([key], cause)
            runner.wait()
        study.is_over = True
        self._tick()
        return Ending.DRAINED if interrupts.count else study.ending

    def _tell_ended(self, *trials: Trial | None) -> None:
        for trial in trials:
            if trial is not None:
                self.suggestions.tell(trial)
                for callback in self.callbacks:
                    callback.ended(self.study, trial)

    def _tick(self) -> None:
        for callback in self.callbacks:
            callback.tick(self.study)

    def _fill_free_workers(self) -> None:
        self.runner.n_jobs = self.study.spec.settings.n_jobs
        while self.runner.capacity > 0 and not self.interrupts.count:
            job = None if self.suggestions.has_users_point else self.study.next_job()
            has_gone_on = self._create_trial() if job is None else self._submit(job)
            if not has_gone_on:
                return
        self.suggestions.ask_ahead()

    def _create_trial(self) -> bool:
        """Whether there was a point for one more trial; its jobs are next in line then."""
        suggestion = self.suggestions.next()
        if suggestion is None:
            return False
        trial = self.study.create(suggestion)
        if trial.status.ended:  # it does not compose
            self._tell_ended(trial)
        else:
            self.suggestions.tell(trial)
        return True

    def _submit(self, job: JobSpec) -> bool:
        """Whether a worker has taken the job."""
        queue = self.runner.queue
        if queue is not None:
            self.study.submitting(job.key, queue)
        handle = self.runner.submit(job)
        if handle is None:
            self.study.put_back(job)
            return False
        self.study.submitted(job.key, handle, waits=queue is not None)
        for callback in self.callbacks:
            callback.submitted(self.study, self.study.runs[job.key])
        return True

    # Ctrl-C

    def _drain(self) -> None:
        self.study.draining = True
        self.notice(
            f"Interrupted: {len(self.study.active)} running trial(s) will be finished. Ctrl-C again cancels them."
        )

    def _cancel(self) -> Ending:
        """Stop what runs and can be reached; those trials will run again on a resume."""
        study = self.study
        self.notice("Interrupted again: cancelling the running trials.")
        self.interrupts.cancelling = True
        cancelled = self.runner.cancel()
        if cancelled.untold:
            self.notice(
                "Could not be cancelled, and may go on, until a resume adopts it: trial "
                f"{self._labels(cancelled.untold)}. The scheduler said: {cancelled.answer}"
            )
        for key in cancelled.ended:
            self._tell_ended(study.cancel(key))
        for key, place in cancelled.elsewhere.items():
            self.notice(
                f"Trial {study.runs[key].label} goes on on {place}, where it cannot be cancelled from here; a resume "
                "awaits its result."
            )
        return Ending.CANCELLED

    def _labels(self, keys: Collection[Key]) -> str:
        return ", ".join(run.label for key, run in self.study.runs.items() if key in keys)
