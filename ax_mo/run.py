"""One sweep from its settings to its end: reads and checks, builds the rooms, runs the loop, says how it ended."""

import json
import os
import secrets
import shlex
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.batches import BatchSweep
from ax_mo.curve_watch import CurveWatch
from ax_mo.dry_run import description
from ax_mo.errors import ConfigError, NotRerunnableError, StudyLost, StudyStopped
from ax_mo.jobs.command import Program, this_program
from ax_mo.jobs.in_place import is_trial, refuse_inside_a_job, run_in_place
from ax_mo.jobs.job import Jobs
from ax_mo.jobs.settings import launcher_settings
from ax_mo.jobs.torchx_jobs import LocalJobs, torchx_jobs
from ax_mo.ledger import Ledger, cannot_write, command_of, composed, first_attempt, subdir_of
from ax_mo.page.writer import NoReport, report_writer
from ax_mo.plan import Plan, make_plan
from ax_mo.project import Project, hydra_overrides, reason
from ax_mo.record import about
from ax_mo.results.files import PARETO, RESULTS, TRIALS, ResultFiles
from ax_mo.results.promote import Recipes
from ax_mo.screen import Conclusion, Progress, Screen, screen_for_this_terminal
from ax_mo.screen.text import by_first_objective
from ax_mo.settings import Settings, parse_settings
from ax_mo.space.parameters import Value
from ax_mo.space.start import values_in
from ax_mo.study.asker import Asker
from ax_mo.study.description import rebuild_hint, write_description
from ax_mo.study.lock import sole_sweeper
from ax_mo.study.optimizer import AxOptimizer, SpaceExhausted
from ax_mo.study.repeats import whole_trials
from ax_mo.study.store import Definition, Store, differences, read_studies
from ax_mo.study.trial import Trial
from ax_mo.study.urls import STUDY, redacted, sqlite_url, with_absolute_path
from ax_mo.sweep import Ending, Sweep
from ax_mo.trackers import State, parse_trackers
from ax_mo.trackers.env import StudyTag, study_tag, trial_environment
from ax_mo.trackers.process import Trackers
from ax_mo.trial.metrics import as_json
from ax_mo.trial.recorder import ResultRecorder
from ax_mo.warm_start import new_imports

# Settings that a study's readers are told.
_TOLD = (
    "n_trials", "n_jobs", "method", "seed", "repeats", "repeat_key", "max_failure_rate", "early_stopping",
    "timeout_hours", "stop_when", "n_startup_trials", "start_from_config", "metrics",
)  # fmt: skip

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
        return _sweep(given, arguments, context, task_function, config)
    except KeyboardInterrupt:  # before the first trial; later ones are counted by the loop
        raise SystemExit(130) from None


def _sweep(
    given: Mapping[str, Any],
    arguments: Sequence[str],
    context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
) -> list[list[JobReturn]]:
    settings = parse_settings(given)
    project = Project(context.config_loader, config)
    sweep_dir = Path(os.path.abspath(str(config.hydra.sweep.dir)))  # noqa: PTH100  links are kept as given
    plan = make_plan(settings, arguments, project, resuming=(sweep_dir / TRIALS).exists())
    # Batches run wherever their launcher likes: the recorder goes there with Hydra's own callbacks.
    context.callbacks.callbacks.append(ResultRecorder(gives_environment=True))
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=task_function, config=config
    )
    program = _program(launcher, arguments, config)
    jobs = _jobs(launcher, settings) if _is_torchx(launcher) else None
    study = _Study(settings, plan, project, program, jobs or launcher, sweep_dir, config)
    if settings.dry_run:
        study.show()
        return []
    try:
        sweep_dir.mkdir(parents=True, exist_ok=True)
        with sole_sweeper(sweep_dir):
            OmegaConf.save(config, sweep_dir / "multirun.yaml")
            returns = study.run()
        study.write_report()  # when the lock is free, since the page says whether the study is running
        return returns
    except StudyStopped:
        study.write_report()
        raise
    except OSError as error:
        raise cannot_write(sweep_dir, error) from None
    finally:
        study.report.cancel()


def _program(launcher: Launcher, arguments: Sequence[str], config: DictConfig) -> Program | None:
    """How to run this program again; None where the launcher has no need of it."""
    try:
        return this_program(list(arguments), hydra_overrides(config))
    except NotRerunnableError:
        if _is_torchx(launcher):
            raise
        return None


def _is_torchx(launcher: Launcher) -> bool:
    # By name: Hydra's plugin scan executes plugin modules anew, so that there may be two such classes.
    return type(launcher).__name__ == "TorchXLauncher"


def _jobs(launcher: Any, settings: Settings) -> Jobs:
    """Where trials run; raises ConfigError when so many at once cannot."""
    values = launcher_settings(launcher.settings)
    jobs = torchx_jobs(values)
    if isinstance(jobs, LocalJobs) and jobs.capacity is not None and jobs.capacity < settings.n_jobs:
        raise ConfigError(
            f"hydra.sweeper.n_jobs={settings.n_jobs} with hydra.launcher.gpu={values.gpu} needs "
            f"{settings.n_jobs * values.gpu} GPUs; this machine has room for {jobs.capacity} such job(s)."
        )
    return jobs


class _Study:
    """The rooms of one study, wired together."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        project: Project,
        program: Program | None,
        workers: Jobs | Launcher,
        sweep_dir: Path,
        config: DictConfig,
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._space = plan.space
        self._goals = plan.goals
        self._project = project
        self._program = program
        self._workers = workers
        self._sweep_dir = sweep_dir
        self._config = config
        self._recipes = Recipes(project, plan.goals, program, sweep_dir)
        self._screen: Screen = screen_for_this_terminal()
        self._trackers: Trackers | None = None
        name = settings.study_name or self._default_name()
        source = str(sweep_dir) if settings.storage is None else f"{settings.storage}/{name}"
        self.report = report_writer(settings.report, source, sweep_dir)

    def show(self) -> None:
        """Print what the study would do, its first trial included, and leave nothing behind."""
        remarks = list(self._plan.remarks)
        known = self._known_runs()
        if known:
            remarks.append(self._resumption(known))
        title, command = self._next_command(known, remarks)
        text = description(self._space, self._goals, command, remarks, title, self._outline())
        self._screen.header(text)

    def _known_runs(self) -> tuple[Trial, ...]:
        """The runs of the study that this command without dry_run would resume. Raises ConfigError as that would."""
        self._check_database()
        url, name = self._settings.storage, self._settings.study_name
        if url is None:
            if not (self._sweep_dir / STUDY).exists():
                return ()
            url, name = sqlite_url(self._sweep_dir / STUDY), name or "study"
        studies = read_studies(url, name or self._default_name())
        if not studies:
            return ()
        studies[0].definition.check_same(_definition(self._plan))
        return studies[0].runs

    def _resumption(self, known: Sequence[Trial]) -> str:
        interrupted = sorted({run.number for run in known if not run.status.ended})
        again = f"; trials {', '.join(map(str, interrupted))} would run again first" if interrupted else ""
        return (
            f"{self._sweep_dir} holds a study of {len({run.number for run in known if run.number >= 0})} trials, which "
            f"this command without dry_run would resume{again}"
        )

    def _outline(self) -> str:
        """How many trials of what kind."""
        settings, first = self._settings, [suggestion.generator for suggestion in self._plan.first]
        text = f"{settings.n_trials} trials, {settings.n_jobs} at once"
        if self._plan.repeats.key is not None:
            text += f", each run {self._plan.repeats.values()}"
        if self._plan.early_stopping is not None:
            text += f", bad ones stopped early (rule: {self._plan.early_stopping.rule})"
        named = ["the project's own configuration"] if "config" in first else []
        if "initial" in first:
            named.append(f"{first.count('initial')} of initial_trials")
        return f"{text}; first {' and '.join(named)}" if named else text

    def _next_command(self, known: Sequence[Trial], remarks: list[str]) -> tuple[str, str]:
        """The command of the next new trial, and what to call it; ``remarks`` takes what there is to say of it."""
        trials = whole_trials(known)
        number = max([0, *(trial.number + 1 for trial in trials)])
        title = "the command of the next trial" if number else "the first trial's command"
        if number >= self._settings.n_trials:
            return title, f"none: the study has its {self._settings.n_trials} trials"
        optimizer = self._optimizer(self._settings.seed or 0)
        optimizer.start([*trials, *new_imports(self._plan.imports, known)])
        try:
            suggestion = optimizer.ask()
        except SpaceExhausted:
            if not trials and not any(found.trials for found in self._plan.imports):
                raise _nothing_to_try(self._plan) from None
            return title, "none: the whole space was tried"
        overrides = self._space.overrides(suggestion.point)
        subdir = str(number)
        try:
            subdir = subdir_of(composed(self._project, number, overrides), number)
        except (HydraException, OmegaConfBaseException) as error:
            remarks.append(f"the trial below does not compose: {reason(error)}")
        run = self._plan.repeats.runs(first_attempt(number, suggestion, overrides, subdir))[0]
        argv = run.overrides if self._program is None else command_of(self._program, run, self._sweep_dir)
        if self._settings.seed is None and suggestion.generator not in ("config", "initial", "center"):
            remarks.append("without hydra.sweeper.seed, the study will draw other values for that trial")
        return title, shlex.join(argv)

    def run(self) -> list[list[JobReturn]]:
        with self._open_store() as store:
            store.add(new_imports(self._plan.imports, store.trials()))
            storage = self._settings.storage
            write_description(self._sweep_dir, store.stored(), storage and with_absolute_path(storage))
            tag = self._tag()
            self._trackers = Trackers(
                parse_trackers(self._settings.trackers), self._database(), tag, self._sweep_dir, self._screen.notice
            )
            wake = threading.Event()
            asker = Asker(self._optimizer(store.seed), wake.set)
            ledger = self._ledger(store, asker, self._trackers, tag)
            asker.start(list(ledger.trials.values()), ledger.curves())
            self._announce(ledger, store)
            self._trackers.settle(_TRACKERS_PATIENCE)
            try:
                ending = self._loop(ledger, wake)
            except StudyStopped:
                self._conclude(ledger, None)
                asker.close()
                if not self._sweep_dir.is_dir():  # whatever it was that noticed
                    raise StudyStopped(f"The sweep directory {self._sweep_dir} has disappeared.") from None
                raise
            except BaseException:
                self._screen.close()
                self._screen.header(self._resume_line())
                asker.close()  # Python must not end while the model is being fitted
                raise
            if ending is Ending.EXHAUSTED and not ledger.trials:
                self._screen.close()
                asker.close()
                raise _nothing_to_try(self._plan)
            self._conclude(ledger, ending)
            idle = asker.close(2.0 if ending is Ending.CANCELLED else 60.0)
        if ending is Ending.CANCELLED:
            if not idle:  # a model is still being fitted, and Python cannot stop that thread
                sys.stdout.flush()
                os._exit(130)
            raise SystemExit(130)
        return [ledger.returns()]

    @contextmanager
    def _open_store(self) -> Iterator[Store]:
        settings = self._settings
        seed = settings.seed if settings.seed is not None else secrets.randbelow(2**31)
        definition = replace(_definition(self._plan), about=json.dumps(self._about()))
        # The directory's own database: whatever the directory is called now, this is its study.
        sweep_dir = None if settings.storage is None else self._sweep_dir
        self._check_database()
        try:
            store = Store.open(*self._database(), sweep_dir, definition, seed)
        except StudyLost as error:
            raise StudyStopped(f"{error}{rebuild_hint(self._sweep_dir)}") from None
        try:
            yield store
        finally:
            store.close()

    def _check_database(self) -> None:
        """Raises ConfigError where a study was, and its database is gone."""
        if self._settings.storage is None and not (self._sweep_dir / STUDY).exists():
            hint = rebuild_hint(self._sweep_dir)
            if hint:
                raise ConfigError(
                    f"{self._sweep_dir} holds a study whose {STUDY} is gone.{hint} For a new study, choose another "
                    "hydra.sweep.dir."
                )

    def _database(self) -> tuple[str, str]:
        """The URL of the study's database, and its name there."""
        settings = self._settings
        if settings.storage is None:
            return sqlite_url(self._sweep_dir / STUDY), settings.study_name or "study"
        return settings.storage, settings.study_name or self._default_name()

    def _tag(self) -> StudyTag:
        """What trackers call the study."""
        (study,) = read_studies(*self._database())
        job_name = str(self._config.hydra.job.name)
        return study_tag(self._settings.study_name, job_name, study.name, study.created, study.seed)

    def _about(self) -> dict[str, Any]:
        """What the study's readers are told of it."""
        given = asdict(self._settings)
        kept = {name: as_json(given[name]) for name in _TOLD if given[name] is not None}
        commands = {"resume": self._resume_line().removeprefix("ax_mo: to resume: ")}
        if self._program is not None:
            line = self._program.pareto_command(self._sweep_dir, "NAME")
            commands["pareto"] = line.removesuffix("NAME") + "{name}"
        return about(self._space, self._goals, kept, commands, self._sweep_dir)

    def _default_name(self) -> str:
        """What a study is called in a database that may hold others."""
        return f"{self._config.hydra.job.name}:{self._sweep_dir}"

    def _optimizer(self, seed: int) -> AxOptimizer:
        settings = self._settings
        return AxOptimizer(
            self._space,
            self._goals,
            seed,
            settings.n_startup_trials,
            settings.method,
            settings.torch_threads,
            self._plan.first,
        )

    def _ledger(self, store: Store, asker: Asker, trackers: Trackers, tag: StudyTag) -> Ledger:
        present = {**os.environ, **self._environment_given()}
        return Ledger(
            space=self._space,
            goals=self._goals,
            project=self._project,
            program=self._program,
            store=store,
            asker=asker,
            files=ResultFiles(self._sweep_dir, self._space.keys, self._goals, self._recipes.text, self.report.changed),
            screen=self._screen,
            sweep_dir=self._sweep_dir,
            n_trials=self._settings.n_trials,
            max_failure_rate=self._settings.max_failure_rate,
            repeats=self._plan.repeats,
            metrics=self._plan.metrics,
            watch=self._watch(),
            stop_when=self._plan.stop_when,
            observers=(trackers,),
            n_jobs=self._settings.n_jobs,
            own=self._own_point(),
            environment=lambda run: trial_environment(tag, run, trackers.parent, present),
        )

    def _environment_given(self) -> dict[str, str]:
        """What the user's configuration sets in the environment of every trial."""
        given: dict[str, str] = {}
        for key in ("hydra.launcher.env", "hydra.job.env_set"):
            node = OmegaConf.select(self._config, key)
            values = OmegaConf.to_container(node, resolve=False) if OmegaConf.is_dict(node) else {}
            assert isinstance(values, dict)
            given.update({str(name): str(value) for name, value in values.items()})
        return given

    def _watch(self) -> CurveWatch | None:
        settings = self._plan.early_stopping
        if settings is None:
            return None
        every = 0.0 if isinstance(self._workers, Launcher) else self._workers.poll_seconds
        return CurveWatch(
            settings, self._goals, lambda run: self._sweep_dir / run.directory, max(_CURVE_SECONDS, every)
        )

    def _loop(self, ledger: Ledger, wake: threading.Event) -> Ending:
        settings = self._settings
        if isinstance(self._workers, Launcher):
            return BatchSweep(ledger, self._workers, settings.n_jobs, self._plan.timeout_hours).run()
        prefetch = settings.n_jobs > 1 if settings.prefetch is None else settings.prefetch
        return Sweep(
            ledger,
            self._workers,
            settings.n_jobs,
            prefetch,
            settings.suggestion_timeout,
            wake,
            self._resume_line(),
            self._plan.timeout_hours,
        ).run()

    def _announce(self, ledger: Ledger, store: Store) -> None:
        trials = [trial for trial in ledger.trials.values() if trial.number >= 0]
        ended = sum(trial.status.ended for trial in trials)
        goals = ", ".join(
            f"{o.name} {'up' if o.maximize else 'down'}{'' if o.threshold is None else f' (threshold {o.threshold:g})'}"
            for o in self._goals.objectives
        )
        state = f"resuming after {ended} ended trials" if trials else "a new study"
        self._screen.header(
            f"ax_mo: {goals}; searching {', '.join(self._space.keys)}; {self._settings.n_trials} trials, "
            f"{self._settings.n_jobs} at once; {state}\n{self._resume_line()}"
        )
        if not trials:
            for remark in self._plan.remarks:
                self._screen.notice(remark)
        for line in differences(_lines(store.fixed), _lines(self._space.fixed)):
            self._screen.notice(f"an override of every trial differs from the study's earlier trials: {line}")

    def _resume_line(self) -> str:
        if self._program is None:
            return f"ax_mo: to resume, sweep again with hydra.sweep.dir={self._sweep_dir}"
        return f"ax_mo: to resume: {self._program.resume_command(self._sweep_dir)}"

    def _conclude(self, ledger: Ledger, ending: Ending | None) -> None:
        """Write everything and say how the study ended, where its results are and how to go on."""
        try:
            ledger.files.changed()
            ledger.refresh(0, at_once=True)
        except StudyStopped:
            if ending is not None:
                raise
        if self._trackers is not None:
            report = self._sweep_dir / _REPORT
            cancelled = ending is Ending.CANCELLED
            self._trackers.finish(
                report if report.exists() else None,
                _state(ending),
                _TRACKERS_PATIENCE_CANCELLED if cancelled else _TRACKERS_PATIENCE,
            )
        self._screen.close()
        front = ledger.front()
        progress = ledger.progress(0)
        why = f" ({ledger.closed})" if ledger.closed else ""
        self._screen.conclude(
            Conclusion(
                headline=f"{ending or 'stopped'}{why}: {_counts(progress)} of {self._settings.n_trials} trials",
                goals=self._goals,
                keys=self._space.keys,
                front=front,
                known=sum(trial.status.has_metrics for trial in ledger.trials.values()),
                hypervolume=progress.hypervolume,
                own=self._own(ledger),
                place=f"Everything is in {self._sweep_dir}: {TRIALS}, {RESULTS}, {PARETO}/, a directory per trial",
                next=self._next(front),
            )
        )

    def _next(self, front: Sequence[Trial]) -> list[tuple[str, str]]:
        """What the user may want to do now, and the command for it."""
        commands: list[tuple[str, str]] = []
        if front and self._program is not None:
            first = by_first_objective(front, self._goals)
            best = next((trial for trial in first if self._goals.meets_thresholds(trial.metrics)), first[0])
            commands.append(("Run a point again", self._recipes.command(best)))
        if front:
            url, name = self._database()
            source = str(self._sweep_dir) if self._settings.storage is None else f"{redacted(url)}/{name}"
            commands.append(("Choose a point", shlex.join(["ax-mo", "pareto", source])))
        what, _, command = self._resume_line().partition(": to resume")
        return [*commands, (f"{what}: to resume", command.removeprefix(": ").removeprefix(", "))]

    def _own_point(self) -> Mapping[str, Value]:
        """The values of the project's own configuration, also where they lie outside the space."""
        try:
            return values_in(self._project.compose(self._space.fixed), self._space)
        except (HydraException, OmegaConfBaseException):
            return {}

    def write_report(self) -> None:
        """The last page of a study that has ended, and where it is."""
        if not isinstance(self.report, NoReport):
            self._screen.header("ax_mo: writing the report; Ctrl-C does not wait for it")
        line = self.report.finish()
        if line:
            self._screen.header(f"ax_mo: {line}")

    def _own(self, ledger: Ledger) -> Trial | None:
        """The trial of the project's own configuration, which an earlier study may have run."""
        points = [dict(suggestion.point) for suggestion in self._plan.first if suggestion.generator == "config"]
        known = [trial for trial in ledger.trials.values() if trial.status.has_metrics]
        return next((t for t in known if t.generator == "config" or dict(t.point) in points), None)


def _state(ending: Ending | None) -> State:
    if ending is None:
        return State.STOPPED
    return State.INTERRUPTED if ending in (Ending.DRAINED, Ending.CANCELLED) else State.FINISHED


def _counts(progress: Progress) -> str:
    stopped = f"{progress.stopped} stopped early, " if progress.stopped else ""
    return f"{progress.completed} completed, {stopped}{progress.failed} failed"


def _nothing_to_try(plan: Plan) -> ConfigError:
    """Why there is not one point to run, nor one that was imported."""
    texts = " and ".join(f"'{constraint.text}'" for constraint in plan.space.constraints)
    return ConfigError(f"hydra.sweeper.param_constraints: no point of the space was found that meets {texts}.")


def _definition(plan: Plan) -> Definition:
    objectives = {
        o.name: o.goal if o.threshold is None else f"{o.goal}, threshold {o.threshold!r}" for o in plan.goals.objectives
    }
    objectives.update({f"constraint {i}": constraint.text for i, constraint in enumerate(plan.goals.constraints)})
    return Definition({**plan.space.describe(), **plan.repeats.describe()}, objectives, plan.space.fixed)


def _lines(fixed: Sequence[str]) -> dict[str, str]:
    return {line.split("=", 1)[0]: line for line in fixed}
