"""One sweep from its settings to its end: reads and checks, builds the rooms, runs the loop, says how it ended."""

import json
import os
import secrets
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from ax_mo.core.failures import FailurePolicy
from ax_mo.core.trial import Status
from ax_mo.core.urls import with_absolute_path
from ax_mo.early_stopping.monitor import CurveWatch
from ax_mo.errors import AxMoError, ConfigError, NotRerunnableError, StudyLost, StudyStopped
from ax_mo.html_report.writer import NoReport, report_writer
from ax_mo.hydra_project.command import Program, this_program
from ax_mo.hydra_project.hydra_node import in_force, job_name_of, sweep_dir_of
from ax_mo.hydra_project.project import Project, hydra_overrides
from ax_mo.hydra_project.saved import save_sweep
from ax_mo.optimizer.async_optimizer import AsyncOptimizer
from ax_mo.results.files import TRIALS, ResultFiles
from ax_mo.results.promote import Recipes
from ax_mo.runner.in_place import is_trial, refuse_inside_a_job, run_in_place
from ax_mo.runner.job import Jobs
from ax_mo.runner.local_jobs import LocalJobs
from ax_mo.runner.settings import launcher_settings
from ax_mo.runner.torchx_app import TorchXSettings
from ax_mo.runner.torchx_jobs import torchx_jobs
from ax_mo.storage.description import rebuild_hint, write_description
from ax_mo.storage.home import Home, enter_home
from ax_mo.storage.lock import SweepLock, sole_sweeper
from ax_mo.storage.patience import Patience
from ax_mo.storage.store import Store, StoredStudy
from ax_mo.sweep.batches import BatchSweep
from ax_mo.sweep.dry_run import preview
from ax_mo.sweep.ledger import Ledger, cannot_write
from ax_mo.sweep.leftovers import remove_leftovers
from ax_mo.sweep.loop import Ending, Pace, Sweep
from ax_mo.sweep.messages import announcement, conclusion, notices
from ax_mo.sweep.other_scheduler import refuse_jobs_of_another
from ax_mo.sweep.rebuild import open_or_rebuild
from ax_mo.sweep.resume import RetryPolicy
from ax_mo.sweep.settings import Settings, parse_settings
from ax_mo.sweep.spec import StudySpec, make_plan
from ax_mo.sweep.time_limits import TimeLimits
from ax_mo.terminal import Screen, screen_for_this_terminal
from ax_mo.trackers import State, parse_trackers
from ax_mo.trackers.env import StudyTag, study_tag, trial_environment
from ax_mo.trackers.process import Trackers
from ax_mo.trial.current import disown_ranks
from ax_mo.trial.recorder import ResultRecorder
from ax_mo.warm_start.reader import new_imports

# Written by the report, for the trackers.
_REPORT = "report.html"

# How long trackers may take at the end, in seconds: a server that does not answer must not keep a study from ending.
_TRACKERS_PATIENCE = 30.0
_TRACKERS_PATIENCE_CANCELLED = 3.0

# How often curves are looked at; where asking for states takes longer, as often as for those.
_CURVE_SECONDS = 0.05


def sweep(
    given: Mapping[str, Any],
    arguments: Sequence[str],
    context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
) -> list[list[JobReturn]]:
    """Run a study to its end. Raises ConfigError before any trial, StudyStopped after some; exits 130 on Ctrl-C."""
    if is_trial(config):
        return [[run_in_place(arguments, context, task_function, config)]]
    refuse_inside_a_job()
    try:
        with in_force(config):
            return _sweep(given, arguments, context, task_function, config)
    except KeyboardInterrupt:  # before the first trial; later ones are counted by the loop
        raise SystemExit(130) from None
    except AxMoError as error:
        if given.get("dry_run") is not True:
            raise
        print(f"ax_mo: error: {error}", file=sys.stderr)  # the last line: Hydra would add one of its own
        raise SystemExit(1) from None


def _sweep(
    given: Mapping[str, Any],
    arguments: Sequence[str],
    context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
) -> list[list[JobReturn]]:
    disown_ranks()
    settings = parse_settings(given)
    project = Project(context.config_loader, config)
    sweep_dir = sweep_dir_of(config)
    plan = make_plan(settings, arguments, project, resuming=(sweep_dir / TRIALS).exists())
    # Batches run wherever their launcher likes: the recorder goes there with Hydra's own callbacks.
    context.callbacks.callbacks.append(ResultRecorder(gives_environment=True))
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=task_function, config=config
    )
    values = launcher_settings(launcher.settings) if _is_torchx(launcher) else None  # type: ignore[attr-defined]
    program = _program(values, arguments, config)
    jobs = None if values is None else _jobs(values, settings)
    spec = StudySpec(settings, plan, project, program, sweep_dir, config)
    screen = screen_for_this_terminal()
    if settings.dry_run:
        _dry_run(spec, jobs, screen)
        return []
    study = _Study(spec, jobs or launcher, screen)
    try:
        spec.check_database(to_run=True)  # before anything is made
        sweep_dir.mkdir(parents=True, exist_ok=True)
        with sole_sweeper(sweep_dir) as lock:
            returns = study.run(lock)
        study.write_report()  # when the lock is free, since the page says whether the study is running
        return returns
    except StudyStopped:
        study.write_report()
        raise
    except OSError as error:
        raise cannot_write(sweep_dir, error) from None
    finally:
        study.finish_trackers()  # after the page, which they log
        study.report.cancel()


def _dry_run(spec: StudySpec, jobs: Jobs | None, screen: Screen) -> None:
    """Show what would be done. Raises ConfigError where it is known that trials must fail."""
    shown = preview(spec)
    screen.header(shown.text)
    if shown.problem is not None:
        raise ConfigError(shown.problem)
    if jobs is not None:
        jobs.check()


def _program(values: TorchXSettings | None, arguments: Sequence[str], config: DictConfig) -> Program | None:
    """How to run this program again; None where it cannot be, and the launcher has no need of it."""
    try:
        program = this_program(list(arguments), hydra_overrides(config))
    except NotRerunnableError:
        if values is not None:
            raise
        return None
    return program if values is None else program.with_python(values.python)


def _is_torchx(launcher: Launcher) -> bool:
    # By name: Hydra's plugin scan executes plugin modules anew, so that there may be two such classes.
    return type(launcher).__name__ == "TorchXLauncher"


def _jobs(values: TorchXSettings, settings: Settings) -> Jobs:
    """Where trials run; raises ConfigError when so many at once cannot."""
    jobs = torchx_jobs(values)
    if not settings.dry_run:
        jobs.check()
    if isinstance(jobs, LocalJobs) and jobs.capacity is not None and jobs.capacity < settings.n_jobs:
        raise ConfigError(
            f"hydra.sweeper.n_jobs={settings.n_jobs} with hydra.launcher.gpu={values.gpu} needs "
            f"{settings.n_jobs * values.gpu} GPUs; this machine has room for {jobs.capacity} such job(s)."
        )
    return jobs


class _Study:
    """The rooms of one study, wired together."""

    def __init__(self, spec: StudySpec, workers: Jobs | Launcher, screen: Screen) -> None:
        self._spec = spec
        self._settings = spec.settings
        self._plan = spec.plan
        self._workers = workers
        self._sweep_dir = spec.sweep_dir
        self._recipes = Recipes(spec.project, spec.plan.goals, spec.program, spec.sweep_dir)
        self._screen = screen
        self._trackers: Trackers | None = None
        self._ending: Ending | None = None
        self._is_ours = False  # until the study has been opened, nothing of it may change
        url, name = spec.database
        source = str(spec.sweep_dir) if spec.settings.storage is None else f"{url}/{name}"
        self.report = report_writer(spec.settings.report, source, spec.sweep_dir)

    def run(self, lock: SweepLock) -> list[list[JobReturn]]:
        with self._open_store(lock) as store:
            self._is_ours = True
            save_sweep(self._spec.config, self._sweep_dir)
            home = enter_home(self._sweep_dir)
            store.add(new_imports(self._plan.imports, store.runs(), self._plan.space))
            tag = self._tag(self._describe(store))
            self._trackers = Trackers(
                parse_trackers(self._settings.trackers), self._spec.database, tag, self._sweep_dir, self._screen.notice
            )
            wake = threading.Event()
            optimizer = AsyncOptimizer(self._spec.optimizer(store.seed), self._spec.points(store.seed), wake.set)
            ledger = self._ledger(store, optimizer, self._trackers, tag, home)
            ended = (run for run in ledger.runs.values() if run.status.ended and run.status is not Status.IMPORTED)
            remove_leftovers(self._sweep_dir, (run.directory for run in ended))
            optimizer.restore(list(ledger.trials.values()))
            self._screen.header(announcement(self._spec, ledger))
            for line in notices(self._spec, ledger.trials, store.fixed):
                self._screen.notice(line)
            self._trackers.settle(_TRACKERS_PATIENCE)
            try:
                ending = self._loop(ledger, wake)
            except StudyStopped:
                self._conclude(ledger, None)
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
            if ending is Ending.EXHAUSTED and not ledger.trials:
                self._screen.close()
                optimizer.close()
                raise self._spec.nothing_to_try()
            why = ledger.closed or (ending.value if ending is Ending.EXHAUSTED else None)
            if why is not None and ending in (Ending.EXHAUSTED, Ending.CLOSED):
                store.tell(json.dumps(self._spec.about(why)))
                self._describe(store)
            self._conclude(ledger, ending)
            idle = optimizer.close(2.0 if ending is Ending.CANCELLED else 60.0)
        if ending is Ending.CANCELLED:
            if not idle:  # a model is still being fitted, and Python cannot stop that thread
                sys.stdout.flush()
                os._exit(130)
            raise SystemExit(130)
        return [ledger.returns()]

    def _describe(self, store: Store) -> StoredStudy:
        """Write down what the study is, and return it."""
        storage, stored = self._settings.storage, store.stored()
        write_description(self._sweep_dir, stored, storage and with_absolute_path(storage))
        return stored

    @contextmanager
    def _open_store(self, lock: SweepLock) -> Iterator[Store]:
        settings = self._settings
        seed = settings.seed if settings.seed is not None else secrets.randbelow(2**31)
        definition = replace(self._spec.definition, about=json.dumps(self._spec.about()))
        # The directory's own database: whatever the directory is called now, this is its study.
        sweep_dir = None if settings.storage is None else self._sweep_dir
        patience = Patience(settings.storage_timeout, self._screen.notice)

        def open_store(known: bool) -> Store:
            return Store.open(*self._spec.database, sweep_dir, definition, seed, known, patience, lock.check)

        try:
            if sweep_dir is None:
                store = open_or_rebuild(self._sweep_dir, self._spec.database[1], open_store, self._screen.notice)
            else:
                store = open_store(False)
        except StudyLost as error:
            raise StudyStopped(f"{error}{rebuild_hint(self._sweep_dir)}") from None
        try:
            yield store
        finally:
            store.close()

    def _tag(self, study: StoredStudy) -> StudyTag:
        """What trackers call the study."""
        job_name = job_name_of(self._spec.config)
        return study_tag(self._settings.study_name, job_name, study.name, study.created, study.seed)

    def _ledger(self, store: Store, optimizer: AsyncOptimizer, trackers: Trackers, tag: StudyTag, home: Home) -> Ledger:
        keys, goals = self._plan.space.keys, self._plan.goals
        present = {**os.environ, **self._spec.environment_given()}
        return Ledger(
            space=self._plan.space,
            goals=goals,
            project=self._spec.project,
            program=self._spec.program,
            store=store,
            optimizer=optimizer,
            files=ResultFiles(self._sweep_dir, keys, goals, self._recipes.text, self.report.changed),
            screen=self._screen,
            sweep_dir=self._sweep_dir,
            n_trials=self._settings.n_trials,
            failures=FailurePolicy(self._settings.max_failure_rate, self._settings.max_same_failures),
            repeats=self._plan.repeats,
            metrics=self._settings.metrics or {},
            watch=self._watch(),
            stop_when=self._plan.stop_when,
            observers=(trackers,),
            n_jobs=self._settings.n_jobs,
            own=self._spec.own_point(),
            environment=lambda run: trial_environment(tag, run, trackers.parent, present),
            home=home,
        )

    def _watch(self) -> CurveWatch | None:
        settings = self._plan.early_stopping
        if settings is None:
            return None
        every = 0.0 if isinstance(self._workers, Launcher) else self._workers.poll_seconds
        return CurveWatch(
            settings, self._plan.goals, lambda run: self._sweep_dir / run.directory, max(_CURVE_SECONDS, every)
        )

    def _loop(self, ledger: Ledger, wake: threading.Event) -> Ending:
        settings = self._settings
        refuse_jobs_of_another(ledger, None if isinstance(self._workers, Launcher) else self._workers.scheduler)
        if isinstance(self._workers, Launcher):
            if settings.trial_timeout or settings.max_retries:
                self._screen.notice(
                    "hydra.sweeper.trial_timeout and max_retries do nothing with this launcher, which can neither end "
                    "a trial nor say what one died of; hydra/launcher=torchx can."
                )
            return BatchSweep(ledger, self._workers, settings.n_jobs, settings.timeout_hours).run()
        pace = Pace(
            settings.n_jobs,
            settings.n_jobs > 1 if settings.prefetch is None else settings.prefetch,
            settings.suggestion_timeout,
            TimeLimits(settings.trial_timeout, settings.timeout_hours),
            RetryPolicy(settings.max_retries, settings.retry_oom),
        )
        return Sweep(ledger, self._workers, pace, wake, self._spec.resume_line).run()

    def _conclude(self, ledger: Ledger, ending: Ending | None) -> None:
        """Write everything and say how the study ended, where its results are and how to go on."""
        try:
            ledger.files.changed()
            ledger.refresh((), at_once=True)
        except StudyStopped:
            if ending is not None:
                raise
        self._ending = ending
        if ending is Ending.CANCELLED:
            self.finish_trackers()
        self._screen.close()
        self._screen.conclude(conclusion(self._spec, ledger, self._recipes, ending))

    def finish_trackers(self) -> None:
        """Log the study's end, and its page as it is now; at once where the user does not want to wait."""
        if self._trackers is None:
            return
        report = self._sweep_dir / _REPORT
        patience = _TRACKERS_PATIENCE_CANCELLED if self._ending is Ending.CANCELLED else _TRACKERS_PATIENCE
        self._trackers.finish(report if report.exists() else None, _state(self._ending), patience)
        self._trackers = None

    def write_report(self) -> None:
        """The last page of a study that has ended, and where it is."""
        if not self._is_ours:
            return
        if not isinstance(self.report, NoReport):
            self._screen.header("ax_mo: writing the report; Ctrl-C does not wait for it")
        line = self.report.finish()
        if line:
            self._screen.header(f"ax_mo: {line}")


def _state(ending: Ending | None) -> State:
    if ending is None:
        return State.STOPPED
    return State.INTERRUPTED if ending in (Ending.DRAINED, Ending.CANCELLED) else State.FINISHED
