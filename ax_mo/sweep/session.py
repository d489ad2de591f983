"""One study from its opening to its end: its parts put together, the loop, and how it ended."""

import json
import os
import secrets
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher

from ax_mo.core.repeats import as_last_known
from ax_mo.core.stop_reason import StopKind, StopReason
from ax_mo.core.trial import TrialRun
from ax_mo.core.urls import with_absolute_path
from ax_mo.early_stopping.monitor import CurveMonitor
from ax_mo.early_stopping.rules import EarlyStopping
from ax_mo.errors import StudyLost, StudyStopped
from ax_mo.html_report import REPORT
from ax_mo.html_report.writer import report_writer
from ax_mo.hydra_project.hydra_node import job_name_of
from ax_mo.hydra_project.saved import save_sweep
from ax_mo.optimizer.async_optimizer import AsyncOptimizer
from ax_mo.results.files import ResultFiles
from ax_mo.results.promote import Recipes
from ax_mo.runner.launcher_runner import LauncherRunner
from ax_mo.runner.runner import Runner
from ax_mo.runner.scheduler import Scheduler
from ax_mo.runner.scheduler_runner import SchedulerRunner
from ax_mo.storage.definition import StoredStudy
from ax_mo.storage.directory_lock import DirectoryLock, sole_sweeper
from ax_mo.storage.dump import rebuild_hint, write_dump
from ax_mo.storage.requests import RequestWatch
from ax_mo.storage.store import Store
from ax_mo.storage.sweep_directory import enter_directory
from ax_mo.storage.waiting import DatabaseWait
from ax_mo.sweep.callbacks import (
    Callback,
    EarlyStoppingCallback,
    FilesCallback,
    ReportCallback,
    ScreenCallback,
    StopGrace,
    TrackersCallback,
    progress_of,
)
from ax_mo.sweep.create_trial import TrialCreator, cannot_write
from ax_mo.sweep.interrupts import Interrupts
from ax_mo.sweep.limits import FailureLimit, GainLimit, TimeLimit
from ax_mo.sweep.loop import Loop
from ax_mo.sweep.messages import conclusion
from ax_mo.sweep.rebuild import open_or_rebuild
from ax_mo.sweep.resume import refuse_jobs_of_another, remove_leftovers
from ax_mo.sweep.spec import StudySpec
from ax_mo.sweep.steering import Steering
from ax_mo.sweep.study import Ending, Study
from ax_mo.sweep.suggestions import Suggestions
from ax_mo.sweep.trial_return import trial_return
from ax_mo.terminal.progress import ProgressTracker
from ax_mo.terminal.screen import Screen
from ax_mo.trackers import StudyEnd, parse_trackers
from ax_mo.trackers.env import study_tag, trial_environment
from ax_mo.trackers.process import Trackers
from ax_mo.warm_start.reader import new_imports

# How long trackers may take at the end, in seconds: a server that does not answer must not keep a study from ending.
_TRACKERS_PATIENCE = 30.0
_TRACKERS_PATIENCE_CANCELLED = 3.0

_STUDY_ENDS = {Ending.DRAINED: StudyEnd.INTERRUPTED, Ending.CANCELLED: StudyEnd.INTERRUPTED}

# How often curves are looked at; where asking for states takes longer, as often as for those.
_CURVE_SECONDS = 0.05


class Session:
    """A sweep over one study. ``scheduler`` is None where ``launcher`` is none of ours and runs the trials itself."""

    def __init__(self, spec: StudySpec, launcher: Launcher, scheduler: Scheduler | None, screen: Screen) -> None:
        self._spec = spec
        self._settings = spec.settings
        self._launcher = launcher
        self._scheduler = scheduler
        self._sweep_dir = spec.sweep_dir
        self._recipes = Recipes(spec.project, spec.plan.goals, spec.program, spec.sweep_dir)
        self._screen = screen
        self._trackers: Trackers | None = None
        self._ending: Ending | None = None
        self._database_wait = DatabaseWait(spec.settings.storage_timeout, screen.notice)
        self._stored: StoredStudy | None = None
        self._is_ours = False  # until the study has been opened, nothing of it may change
        url, name = spec.database
        source = str(spec.sweep_dir) if spec.settings.storage is None else f"{url}/{name}"
        self._report = report_writer(spec.settings.report, source, spec.sweep_dir)

    def run(self) -> list[JobReturn]:
        """Run the study to its end. Raises StudyStopped and ConfigError; exits 130 when it was cancelled."""
        try:
            self._spec.check_database(to_run=True)  # before anything is made
            self._sweep_dir.mkdir(parents=True, exist_ok=True)
            with sole_sweeper(self._sweep_dir) as lock:
                returns = self._run(lock)
            self._write_report()  # when the lock is free, since the page says whether the study is running
            return returns
        except StudyStopped:
            self._write_report()
            raise
        except OSError as error:
            raise cannot_write(self._sweep_dir, error) from None
        finally:
            self._finish_trackers()  # after the page, which they log
            if self._report is not None:
                self._report.cancel()

    def _run(self, lock: DirectoryLock) -> list[JobReturn]:
        with self._open_store(lock) as store:
            self._is_ours = True
            study, trackers = self._open_study(store)
            wake = threading.Event()
            optimizer = AsyncOptimizer(self._spec.optimizer(store.seed), self._spec.points(store.seed), wake.set)
            optimizer.restore([as_last_known(trial) for trial in study.trials.values()])
            loop = self._loop(study, optimizer, trackers, wake)
            for callback in loop.callbacks:
                callback.started(study)
            trackers.settle(_TRACKERS_PATIENCE)
            ending = self._run_loop(study, loop, optimizer)
            if ending in (Ending.EXHAUSTED, Ending.CLOSED):
                why = study.stop_reason or StopReason(StopKind.EXHAUSTED, ending.value)
                store.tell(json.dumps(self._spec.description(why)))
                self._dump(store)
            self._conclude(study, loop.callbacks, ending)
            has_closed = optimizer.close(2.0 if ending is Ending.CANCELLED else 60.0)
        if ending is Ending.CANCELLED:
            if not has_closed:  # a model is still being fitted, and Python cannot stop that thread
                sys.stdout.flush()
                os._exit(130)
            raise SystemExit(130)
        return [trial_return(study, study.trials[number]) for number in sorted(study.trials) if number >= 0]

    def _run_loop(self, study: Study, loop: Loop, optimizer: AsyncOptimizer) -> Ending:
        """The loop, and what is still to be done where it does not end well."""
        try:
            refuse_jobs_of_another(study, self._scheduler.settings.scheduler if self._scheduler else None)
            ending = loop.run()
        except StudyStopped:
            self._conclude(study, loop.callbacks, None)
            optimizer.close()
            if not self._sweep_dir.is_dir():  # whatever it was that noticed
                raise StudyStopped(f"The sweep directory {self._sweep_dir} has disappeared.") from None
            raise
        except BaseException:
            self._ending = Ending.CANCELLED
            self._screen.close()
            self._screen.header(self._spec.resume_line)
            optimizer.close()  # Python must not end while the model is being fitted
            raise
        if ending is Ending.EXHAUSTED and not study.trials:
            self._screen.close()
            optimizer.close()
            raise self._spec.nothing_to_try()
        return ending

    def _conclude(self, study: Study, callbacks: Sequence[Callback], ending: Ending | None) -> None:
        """Write everything and say how the study ended, where its results are and how to go on.

        ``ending`` is None where StudyStopped has ended it.
        """
        try:
            for callback in callbacks:
                callback.closed(study)
        except StudyStopped:
            if ending is not None:
                raise
        self._ending = ending
        if ending is Ending.CANCELLED:
            self._finish_trackers()
        self._screen.close()
        self._screen.conclude(conclusion(study, progress_of(study, ProgressTracker()), self._recipes, ending))

    # The parts

    def _open_study(self, store: Store) -> tuple[Study, Trackers]:
        """The study as its database has it and with the trials that it imports, and its trackers, which begin."""
        spec = self._spec
        save_sweep(spec.config, self._sweep_dir)
        home = enter_directory(self._sweep_dir)
        store.add(new_imports(spec.plan.imports, store.runs(), spec.plan.space))
        stored = self._dump(store)
        tag = study_tag(spec.settings.study_name, job_name_of(spec.config), stored.name, stored.created, stored.seed)
        names = parse_trackers(spec.settings.trackers)
        trackers = self._trackers = Trackers(names, spec.database, tag, self._sweep_dir, self._screen.notice)
        present = {**os.environ, **spec.environment_given()}
        creator = TrialCreator(spec, home, lambda run: trial_environment(tag, run, trackers.parent, present))
        study = Study(spec, store, home, creator)
        remove_leftovers(study)
        return study, trackers

    def _loop(self, study: Study, optimizer: AsyncOptimizer, trackers: Trackers, wake: threading.Event) -> Loop:
        settings, scheduler, notice = self._settings, self._scheduler, self._screen.notice
        early_stopping = self._early_stopping()
        suggestions = Suggestions(optimizer, study, notice, waits=scheduler is None)
        steering = self._steering(study, suggestions, wake)
        interrupts = Interrupts((lambda: self._spec.resume_line) if scheduler else None)
        runner: Runner
        if scheduler is not None:
            runner = SchedulerRunner(scheduler, settings.n_jobs, wake, notice)
        else:

            def meanwhile() -> None:
                steering.stop_trials(study)
                if early_stopping is not None:
                    early_stopping.tick(study)

            runner = LauncherRunner(self._launcher, settings.n_jobs, self._sweep_dir, interrupts, meanwhile)
            if settings.trial_timeout or settings.max_retries:
                notice(
                    "hydra.sweeper.trial_timeout and max_retries do nothing with this launcher, which can neither end "
                    "a trial nor say what one died of; hydra/launcher=torchx can."
                )
        return Loop(study, suggestions, runner, self._callbacks(early_stopping, trackers, steering), interrupts, notice)

    def _steering(self, study: Study, suggestions: Suggestions, wake: threading.Event) -> Steering:
        def respecified(spec: StudySpec) -> None:
            self._spec = spec
            study.store.tell(json.dumps(spec.description()))
            self._dump(study.store)

        watch = RequestWatch(*self._spec.database, wake.set)
        most_jobs = None if self._scheduler is None else self._scheduler.capacity
        return Steering(watch, suggestions, most_jobs, self._screen.notice, respecified)

    def _callbacks(self, early_stopping: Callback | None, trackers: Trackers, steering: Steering) -> list[Callback]:
        """In the order in which they are told: what ends a study comes before what shows it."""
        plan, notice = self._spec.plan, self._screen.notice
        grace_seconds = (plan.early_stopping.settings if plan.early_stopping else EarlyStopping).grace_seconds
        files = ResultFiles(self._sweep_dir, plan.space.keys, plan.goals, self._recipes.text, self._dump_runs)
        found: list[Callback | None] = [
            FailureLimit(notice),
            TimeLimit(notice, ends_runs=self._scheduler is not None),
            None if plan.stop_when is None else GainLimit(plan.stop_when),
            early_stopping,
            StopGrace(grace_seconds),
            FilesCallback(files),
            ScreenCallback(self._screen, self._spec.own_point()),
            steering,
            None if self._report is None else ReportCallback(self._report),
            TrackersCallback(trackers),
        ]
        return [callback for callback in found if callback is not None]

    def _early_stopping(self) -> Callback | None:
        rule = self._spec.plan.early_stopping
        if rule is None:
            return None
        every, scheduler = _CURVE_SECONDS, self._scheduler
        if scheduler is not None:
            if not (scheduler.has_queue or scheduler.settings.poll_seconds):
                scheduler.poll_seconds = min(scheduler.poll_seconds, _CURVE_SECONDS)
            every = max(every, scheduler.poll_seconds)
        monitor = CurveMonitor(rule, lambda run: self._sweep_dir / run.directory, every)
        return EarlyStoppingCallback(monitor, self._screen.notice)

    # The store

    def _dump(self, store: Store) -> StoredStudy:
        """Write the study's rows beside its database, and return it."""
        self._stored = store.stored()
        self._dump_runs(self._stored.runs)
        return self._stored

    def _dump_runs(self, runs: Iterable[TrialRun]) -> None:
        """The same with these runs, without asking a database that may be away. Raises OSError."""
        assert self._stored is not None
        storage = self._settings.storage
        stored = replace(self._stored, runs=tuple(runs))
        write_dump(self._sweep_dir, stored, storage and with_absolute_path(storage))

    @contextmanager
    def _open_store(self, lock: DirectoryLock) -> Iterator[Store]:
        settings = self._settings
        seed = settings.seed if settings.seed is not None else secrets.randbelow(2**31)
        study = replace(self._spec.as_stored, seed=seed, about=json.dumps(self._spec.description()))
        url = self._spec.database[0]

        def open_store(known: bool) -> Store:
            return Store.open(url, study, known, self._database_wait, lock.check)

        try:
            if settings.storage is None:
                store = open_or_rebuild(self._sweep_dir, study.name, open_store, self._screen.notice)
            else:
                store = open_store(False)
        except StudyLost as error:
            raise StudyStopped(f"{error}{rebuild_hint(self._sweep_dir)}") from None
        try:
            yield store
        finally:
            store.close()

    # When the study has ended

    def _finish_trackers(self) -> None:
        """Log the study's end, and its page as it is now; at once where the user does not want to wait."""
        if self._trackers is None:
            return
        report, ending = self._sweep_dir / REPORT, self._ending
        end = StudyEnd.STOPPED if ending is None else _STUDY_ENDS.get(ending, StudyEnd.FINISHED)
        patience = _TRACKERS_PATIENCE_CANCELLED if ending is Ending.CANCELLED else _TRACKERS_PATIENCE
        self._trackers.finish(report if report.exists() else None, end, patience)
        self._trackers = None

    def _write_report(self) -> None:
        """The last page of a study that has ended, and where it is; none while its database is away."""
        if self._is_ours and self._report is not None and not self._database_wait.is_away:
            self._screen.header("ax_mo: writing the report; Ctrl-C does not wait for it")
            self._screen.header(f"ax_mo: {self._report.finish()}")
