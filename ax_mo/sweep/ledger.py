"""The trials of a running study: opened, ended, recorded and told to everybody concerned, in one place."""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ax_mo.core.failures import FailurePolicy, TooMany, first_alike, in_order_of_end, too_many, uncounted
from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import best_per_objective, hypervolume, pareto_front, reference_point
from ax_mo.core.repeats import Repeats, aggregate_repeats
from ax_mo.core.trial import Key, Outcome, Status, Suggestion, Trial, TrialRun, Value, seconds_between
from ax_mo.early_stopping.monitor import CurveWatch
from ax_mo.early_stopping.stop_request import ask_to_stop, overdue, stopped_outcome
from ax_mo.errors import StudyStopped
from ax_mo.hydra_project.command import Program, make_room, prepare_directory
from ax_mo.hydra_project.hydra_node import job_name_of, subdir_of
from ax_mo.hydra_project.project import Project, reason, without_hydra
from ax_mo.optimizer.async_optimizer import AsyncOptimizer
from ax_mo.results.files import ResultFiles
from ax_mo.runner.job import JobState, Phase
from ax_mo.runner.launch import JobFailure
from ax_mo.runner.outcome import destroyed_directory, has_result, outcome_of, with_required
from ax_mo.search_space.config_metrics import config_metrics
from ax_mo.search_space.space import SearchSpace
from ax_mo.storage.home import Home
from ax_mo.storage.store import Store, now
from ax_mo.sweep.create_trial import command_of, composed, first_attempt
from ax_mo.sweep.resume import Resumption, resumption
from ax_mo.sweep.termination import StopWhen, gain_is_small, time_is_up
from ax_mo.terminal import Progress, Screen
from ax_mo.terminal.running import RunningTrials
from ax_mo.trial.files import PID, SPEC, remove
from ax_mo.trial.metric_sources.differences import Difference, describe_differences
from ax_mo.trial.numbers import as_json


class Observer(Protocol):
    """Is told of what happens, on the loop's own thread: must neither block nor raise."""

    def ended(self, trial: Trial) -> None: ...
    def front(self, numbers: Sequence[int], hypervolume: float | None) -> None: ...


class Ledger:
    """All bookkeeping of one study that is not about where its jobs run.

    ``runs`` are what jobs are made of, ``trials`` what the optimizer and the user see; without repeats they are the
    same.
    """

    def __init__(
        self,
        *,
        space: SearchSpace,
        goals: Goals,
        project: Project,
        program: Program | None,
        store: Store,
        optimizer: AsyncOptimizer,
        files: ResultFiles,
        screen: Screen,
        sweep_dir: Path,
        n_trials: int,
        failures: FailurePolicy,
        repeats: Repeats | None = None,
        metrics: Mapping[str, Any] | None = None,
        watch: CurveWatch | None = None,
        stop_when: StopWhen | None = None,
        observers: Sequence[Observer] = (),
        n_jobs: int | None = None,
        own: Mapping[str, Value] | None = None,
        environment: Callable[[TrialRun], Mapping[str, str]] = lambda _run: {},
        home: Home | None = None,
    ) -> None:
        self.space = space
        self.goals = goals
        self.project = project
        self.program = program
        self.store = store
        self.optimizer = optimizer
        self.files = files
        self.screen = screen
        self.sweep_dir = sweep_dir
        self.home = home or Home(sweep_dir, "0" * 8)
        self.n_trials = n_trials
        self.failures = failures
        self._fault: TooMany | None = None
        self._fault_is_told = False
        self._told_of: set[str] = set()
        self.cwd = Path.cwd() if program is None else program.cwd
        self.repeats = repeats or Repeats()
        self.metrics = metrics or {}
        self._of_config = config_metrics(self.metrics, goals.required)
        self._config_values: dict[int, dict[str, float]] = {}
        self.watch = watch
        self.stop_when = stop_when
        self.observers = observers
        self.n_jobs = n_jobs
        self._running = RunningTrials(self.directory, own or {})
        self.environment = environment
        """What a run's own loggers find among their environment variables."""
        self.closed: str | None = None
        """Why no more trials are asked for, although there would be room."""
        self.runs: dict[Key, TrialRun] = {run.key: run for run in store.runs()}
        self.trials: dict[int, Trial] = {}
        for number in dict.fromkeys(number for number, _ in self.runs):
            self._bring_together(number)
        self.exhausted = False
        self._ended_here: list[int] = []  # by this sweeper, not by one before a resume
        # In the order in which they ended, before a resume or since.
        self._order = [trial.number for trial in in_order_of_end(self.trials.values())]
        self._ended_before = len(self._order)
        self._uncounted = self._find_uncounted()
        self._judged = 0
        self._configs: dict[int, DictConfig] = {}
        self._task_name = ""
        self._hypervolume: float | None = None
        self._front: list[Trial] = []
        self._best: dict[str, tuple[float, int]] = {}
        self._falls_short = False

    # What is to be done

    @property
    def room(self) -> int:
        """How many trials may still be asked for."""
        if self.exhausted or self.is_closed:
            return 0
        return max(0, self.n_trials - sum(number >= 0 and number not in self._uncounted for number in self.trials))

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is started, at least for now: after failures that the running trials may outweigh."""
        return self.closed is not None or self._fault is not None

    def open_runs(self) -> list[TrialRun]:
        return [run for run in self.runs.values() if not run.status.ended]

    # Opening trials

    def open(self, suggestion: Suggestion) -> list[TrialRun]:
        """Give the suggestion a number, and each of its runs a directory and a row.

        Returns the runs to submit: none when Hydra cannot compose the suggestion, which is a failed trial then.
        """
        self.check_directory()
        number = max(0, max(self.trials, default=-1) + 1)
        overrides = self.space.overrides(suggestion.point)
        try:
            config = composed(self.project, number, overrides)
            self._config_values[number] = self._of_config.of(config)
            subdir = subdir_of(config, number, {trial.directory for trial in self.trials.values()})
        except (HydraException, OmegaConfBaseException) as error:
            (run,) = self._add(number, suggestion, overrides, str(number), 1)
            message = f"does not compose: {reason(error)}"
            self.finish(run.key, Outcome({}, message, message))
            return []
        if any((self.sweep_dir / subdir / name).exists() for name in (SPEC, "0/" + SPEC)):
            raise StudyStopped(
                f"{self.sweep_dir / subdir} holds a trial that this study does not know. Choose another "
                "hydra.sweep.dir, or move that directory away."
            )
        runs = self._add(number, suggestion, overrides, subdir, self.repeats.count)
        self._configs[number] = without_hydra(config)
        self._task_name = job_name_of(config)
        for run in runs:
            self.prepare(run)
        self.files.changed()
        return runs

    def _add(
        self, number: int, suggestion: Suggestion, overrides: Sequence[str], subdir: str, count: int
    ) -> list[TrialRun]:
        trial = first_attempt(number, suggestion, overrides, subdir)
        runs = self.repeats.runs(replace(trial, asked=now()))[:count]
        self.store.add(runs)
        self.runs.update({run.key: run for run in runs})
        self._bring_together(number)
        self.optimizer.tell(self.trials[number])
        return runs

    def _set(self, run: TrialRun) -> None:
        self.runs[run.key] = run
        self._bring_together(run.number)

    def _bring_together(self, number: int) -> None:
        keys = [(number, None), *((number, repeat) for repeat in range(self.repeats.count))]
        self.trials[number] = aggregate_repeats([self.runs[key] for key in keys if key in self.runs])

    def prepare(self, trial: TrialRun) -> None:
        """Write what the job and its reader need into the trial's directory; remove what an earlier attempt left."""
        self.check_directory()
        directory = self.directory(trial)
        content = {
            "trial": trial.number,
            "attempt": trial.attempt,
            "deaths": trial.lost_attempts,
            **({} if trial.repeat is None else {"repeat": trial.repeat}),
            "params": as_json(trial.point),
            "overrides": list(trial.overrides),
            "objectives": list(self.goals.names),
            "required": list(self.goals.required),
            **({"metrics": as_json(self.metrics)} if self.metrics else {}),
            **({"config": self._in_config(trial)} if self._of_config.keys else {}),
            "generator": trial.generator,
            "position": trial.position,
            "suggestion_seconds": trial.suggestion_seconds,
            "directory": trial.directory,
            "asked": trial.asked,
            "env": dict(self.environment(trial)),
        }
        argv = None if self.program is None else self.command(trial)
        try:
            prepare_directory(directory, content, argv, self.cwd, f"Trial {trial.label}")
        except OSError as error:
            raise cannot_write(directory, error) from None

    def _in_config(self, trial: TrialRun) -> Mapping[str, float]:
        """The trial's metrics that are values of its configuration, which an earlier sweeper may have composed."""
        if trial.number not in self._config_values:
            try:
                config = composed(self.project, trial.number, trial.overrides)
                self._config_values[trial.number] = self._of_config.of(config)
            except (HydraException, OmegaConfBaseException):  # the project has changed: the trial will fail of it
                return {}
        return self._config_values[trial.number]

    def again(self, trial: TrialRun, died: bool = False) -> TrialRun:
        """Make a trial that was interrupted, or that ``died`` unseen, ready for its next attempt."""
        self._clear(trial)  # first, lest a sweeper that ends here leave the old process to the new attempt
        attempt, lost = trial.attempt + 1, trial.lost_attempts + died
        self.store.retry(trial.key, attempt, lost)
        trial = replace(
            trial, status=Status.ASKED, attempt=attempt, lost_attempts=lost, handle=None, reason=None, submitted=None,
            started=None, ended=None,
        )  # fmt: skip
        self._set(trial)
        self.prepare(trial)
        return trial

    def _clear(self, trial: TrialRun) -> None:
        """Make room for a next attempt in the run's directory, and forget the process of the last one."""
        try:
            make_room(self.directory(trial))
            remove(self.directory(trial) / PID)
        except OSError as error:
            raise cannot_write(self.directory(trial), error) from None

    def submitted(self, key: Key, handle: str, waits: bool = False) -> None:
        """The run has a job now, which ``waits`` for its turn or runs at once."""
        moment = now()
        started = None if waits else moment
        self.store.submitted(key, handle, moment, started)
        self._set(replace(self.runs[key], status=Status.RUNNING, handle=handle, submitted=moment, started=started))
        self.screen.submitted(self.runs[key])
        self.files.changed()

    def runs_since(self, key: Key) -> float:
        """The run's job is running; returns for how many seconds it has been, as far as was written down."""
        moment = now()
        started = self.runs[key].started or moment
        self._note_start(key, started)
        return max(0.0, seconds_between(started, moment))

    def waits(self, key: Key) -> None:
        """The run's job waits for its turn."""
        self._note_start(key, None)

    def _note_start(self, key: Key, started: str | None) -> None:
        if self.runs[key].started != started:
            self.store.started(key, started)
            self._set(replace(self.runs[key], started=started))
            self.files.changed()

    # Stopping trials early

    def stop_the_bad(self, under_way: Container[Key] | None = None) -> None:
        """Ask those trials to end whose curves say that they are not worth going on.

        ``under_way`` are the runs that have a job now; None where all have that count as running.
        """
        if self.watch is None:
            return
        stops = self.watch.to_stop(self.trials, self.runs.values(), under_way)
        for number, why in stops.items():
            for run in self._open_runs_of(number):
                self._ask_to_stop(run, why)
        explanation = self.watch.explanation()
        if explanation is not None:
            self.screen.notice(explanation)

    def _ask_to_stop(self, run: TrialRun, reason: str) -> None:
        self.store.asked_to_stop(run.key, reason)
        self._set(replace(run, reason=reason))
        self.ask_again(self.runs[run.key])

    def ask_again(self, run: TrialRun) -> None:
        """See to it that the request lies where the run looks: an earlier sweeper may have ended before it did."""
        if run.asked_to_stop:
            try:
                ask_to_stop(self.directory(run), run.reason or "")
            except OSError as error:
                if destroyed_directory(self.directory(run)) is None:  # or that is how the run will fail
                    raise cannot_write(self.directory(run), error) from None

    def overdue(self, key: Key) -> bool:
        """Whether a run was asked to stop longer ago than it may take to do so."""
        run = self.runs[key]
        if self.watch is None or not run.asked_to_stop:
            return False
        return overdue(self.directory(run), self.watch.grace_seconds)

    # Ending trials

    def outcome(self, key: Key, state: JobState, cancelled: bool = False) -> Outcome:
        """How the run ended. One that was asked to stop and is ``cancelled``, since it does not, may fail of that."""
        run = self.runs[key]
        outcome = outcome_of(self.directory(run), run.number, run.attempt, state)
        if run.asked_to_stop and outcome.status is Status.FAILED and (cancelled or not self.has_result(run)):
            return stopped_outcome(run, self.directory(run))
        return outcome

    def has_result(self, trial: TrialRun) -> bool:
        return has_result(self.directory(trial), trial.number, trial.attempt)

    def finish(self, key: Key, outcome: Outcome) -> None:
        """The run has ended so; each run, and the trial that it ends, is counted once."""
        run = self.runs[key]
        if run.status.ended:
            return
        outcome = with_required(outcome, self.goals.required)
        outcome = replace(outcome, started=outcome.started or run.started, ended=outcome.ended or now())
        self.store.ended(key, outcome)
        self._set(run.ended_by(outcome))
        self._tell_of(outcome.differences, run)
        self.files.changed()
        trial = self.trials[run.number]
        if not trial.status.ended:
            if outcome.stopped:  # its other repeats have nothing to wait for
                for other in self._open_runs_of(run.number):
                    if not other.asked_to_stop:
                        self._ask_to_stop(other, outcome.reason or "")
            return
        self.optimizer.tell(trial)
        if trial.status is Status.COMPLETED:
            self._hypervolume = None
        alike = first_alike(trial, [self.trials[number] for number in self._ended_here])
        self._ended_here.append(trial.number)
        self._order.append(trial.number)
        self._uncounted = self._find_uncounted()
        self._fault = self._find_fault()
        self.screen.ended(trial, self.goals, alike)
        for observer in self.observers:
            observer.ended(trial)

    def _tell_of(self, differences: Sequence[Difference], run: TrialRun) -> None:
        """Say what the task returns and is not used, once for each metric: all trials are the same in that."""
        news = [difference for difference in differences if difference.metric not in self._told_of]
        if news:
            self._told_of.update(difference.metric for difference in news)
            self.screen.notice(f"trial {run.label}: {describe_differences(news)}")

    def cancel(self, key: Key) -> None:
        """The user ended the run. What it had left before counts, and it was stopped early if it had been asked to.

        It runs again otherwise, also if it failed: being ended is what many tasks fail of.
        """
        outcome = self.outcome(key, JobState(Phase.ENDED), cancelled=True)
        if outcome.status is not Status.FAILED:
            self.finish(key, outcome)
            return
        self.store.cancelled(key)
        self._set(replace(self.runs[key], status=Status.CANCELLED, reason="cancelled"))
        self.files.changed()

    def settle(self, run: TrialRun, state: JobState, started: bool, may_die: int = 0) -> Resumption:
        """What becomes of a run that an earlier sweeper left and that does not run any more; ends it where it has."""
        outcome = self.outcome(run.key, state)
        has_result = self.has_result(run) if may_die == 0 else outcome.status is not Status.FAILED
        found = resumption(run, outcome, started, has_result, may_die)
        if found is Resumption.ENDED:
            self.finish(run.key, outcome)
        return found

    def _open_runs_of(self, number: int) -> list[TrialRun]:
        return [run for run in self.runs.values() if run.number == number and not run.status.ended]

    def close_when_enough(self, seconds: float, timeout_hours: float | None) -> None:
        """Ask for no more trials when this sweeper has run for its hours, or the front stands still."""
        if self.closed is None:
            self.closed = self._no_more_gain()
        if self.closed is None and time_is_up(seconds, timeout_hours):
            self.closed = f"timeout_hours={timeout_hours:g} are over"

    def _no_more_gain(self) -> str | None:
        if self.stop_when is None or self._judged == len(self._order):
            return None
        self._judged = len(self._order)
        trials = [self.trials[number] for number in self._order]
        imported = [trial for trial in self.trials.values() if trial.status is Status.IMPORTED]
        counting = [trial for trial in trials if trial.status is not Status.FAILED]
        return gain_is_small([*imported, *counting], self.goals, self.stop_when)

    def check_failures(self, running: int, at_end: bool = False) -> None:
        """Start nothing more when too many trials fail, or several by the same fault.

        Raises StudyStopped once no trial is ``running`` that may still change this. Only trials that ended under this
        sweeper are judged, so that a study whose fault was mended can be resumed.
        """
        if at_end:
            self._fault = self._find_fault(at_end)
        if self._fault is None:
            self._fault_is_told = False
            return
        if running == 0:
            trial = self._fault.trial
            tail = f"{trial.stderr_tail}\n" if trial.stderr_tail else ""
            raise StudyStopped(f"{self._fault.text}\n{tail}Its files: {self.directory(trial)}")
        if not self._fault_is_told:
            self._fault_is_told = True
            self.screen.notice(f"{self._fault.text}\nNothing more is started while the {running} running trial(s) end.")

    def _find_fault(self, at_end: bool = False) -> TooMany | None:
        succeeded_before = any(self.trials[n].status is not Status.FAILED for n in self._order[: self._ended_before])
        return too_many([self.trials[n] for n in self._ended_here], self.failures, at_end, succeeded_before)

    def _find_uncounted(self) -> frozenset[int]:
        return uncounted(in_order_of_end(self.trials.values()), self.failures)

    # Results and screen

    def refresh(self, running: Collection[Key], at_once: bool = False) -> None:
        """Bring files and screen up to date; ``running`` are the runs that have a job."""
        self.check_directory()
        try:
            self.files.refresh(self.runs, self.trials, at_once)
        except OSError as error:
            raise cannot_write(self.sweep_dir, error) from None
        progress = self.progress(running)
        self.screen.update(progress)
        for observer in self.observers:
            observer.front([trial.number for trial in self._front], progress.hypervolume)

    def progress(self, running: Collection[Key] = ()) -> Progress:
        trials = [self.trials[number] for number in sorted(self.trials)]
        if self._hypervolume is None and any(trial.status.has_metrics for trial in trials):
            self._front = pareto_front(trials, self.goals)
            self._hypervolume = hypervolume(self._front, self.goals, reference_point(trials, self.goals))
            best = best_per_objective(trials, self.goals)
            self._best = {name: (trial.metrics[name], trial.number) for name, trial in best.items()}
            self._falls_short = any(not self.goals.meets_thresholds(trial.metrics) for trial in best.values())
        return Progress(
            n_trials=self.n_trials,
            completed=sum(trial.status is Status.COMPLETED for trial in trials),
            failed=sum(trial.status is Status.FAILED for trial in trials),
            uncounted=len(self._uncounted),
            stopped=sum(trial.status is Status.EARLY_STOPPED for trial in trials),
            running=len(running),
            pending=sum(self.runs[key].is_pending for key in running),
            front=len(self._front),
            hypervolume=self._hypervolume,
            best=self._best,
            best_falls_short=self._falls_short,
            workers=self.n_jobs,
            trials=self._running.look(self.runs.values()) if running and self.screen.shows_running else (),
        )

    def front(self) -> list[Trial]:
        return pareto_front([self.trials[number] for number in sorted(self.trials)], self.goals)

    def check_directory(self) -> None:
        if not self.sweep_dir.is_dir():
            raise StudyStopped(f"The sweep directory {self.sweep_dir} has disappeared.")
        self.store.check()

    def directory(self, trial: Trial) -> Path:
        return self.sweep_dir / trial.directory

    def command(self, trial: TrialRun) -> list[str]:
        assert self.program is not None
        return command_of(self.program, trial, self.sweep_dir)

    def returns(self) -> list[JobReturn]:
        """What ``sweep()`` hands back to Hydra: a JobReturn per trial, in order."""
        return [self._job_return(self.trials[number]) for number in sorted(self.trials) if number >= 0]

    def _job_return(self, trial: Trial) -> JobReturn:
        ret = JobReturn(overrides=list(trial.overrides), working_dir=str(self.directory(trial)))
        config = self._configs.get(trial.number)
        if config is not None:
            ret.cfg = config
            ret.task_name = self._task_name
        if trial.status is Status.COMPLETED:
            ret.status = JobStatus.COMPLETED
            ret._return_value = dict(trial.metrics)
        else:
            ret.status = JobStatus.FAILED
            ret._return_value = JobFailure(trial.reason or trial.status.value)
        return ret


def cannot_write(path: Path, error: OSError) -> StudyStopped:
    what = f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else "")
    return StudyStopped(f"Cannot write in {path}: {what}. What was recorded before stays readable.")
