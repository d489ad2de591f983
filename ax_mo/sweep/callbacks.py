"""Who is told of what happens in a study: the screen, the files, the report, the trackers, early stopping."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from ax_mo.core.failures import first_alike
from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Key, Trial, TrialRun, Value
from ax_mo.early_stopping.monitor import CurveMonitor
from ax_mo.early_stopping.stop_request import overdue
from ax_mo.html_report.writer import ReportWriter
from ax_mo.results.files import ResultFiles
from ax_mo.results.standing import scale_notices
from ax_mo.runner.runner import EndCause
from ax_mo.sweep.create_trial import cannot_write
from ax_mo.sweep.messages import announcement, notices
from ax_mo.sweep.study import Study
from ax_mo.terminal.progress import ProgressTracker, StudyProgress
from ax_mo.terminal.running import RunningTrials
from ax_mo.terminal.screen import Screen
from ax_mo.trackers.process import Trackers
from ax_mo.trial.metric_sources.differences import describe_differences


class Callback:
    """Is told of what happens in a study, on the loop's own thread, so that it must be quick.

    It may end the study (``stop_reason``), ask runs to stop (``ask_to_stop``) and have jobs told to end
    (``request_end``). Only StudyStopped may be raised, which ends the sweep.
    """

    def started(self, study: Study) -> None:
        """The sweep begins, or goes on."""

    def submitted(self, study: Study, run: TrialRun) -> None:
        """The run has a job now."""

    def ended(self, study: Study, trial: Trial) -> None:
        """The trial has ended, with all of its runs."""

    def tick(self, study: Study) -> None:
        """Something may have changed; called several times a second."""

    def closed(self, study: Study) -> None:
        """This sweeper ends. Jobs may go on where the study could not."""


def progress_of(study: Study, tracker: ProgressTracker) -> StudyProgress:
    """How far the study is, but for what its running trials have reported."""
    settings = study.spec.settings
    running = [study.runs[key] for key in study.active]
    known = tracker.of(
        study.trials.values(), running, study.goals, len(study.uncounted), settings.n_trials, settings.n_jobs
    )
    return replace(known, is_paused=study.is_paused)


class ScreenCallback(Callback):
    """What the person at the terminal sees. ``own`` is the project's own configuration as a point."""

    def __init__(self, screen: Screen, own: Mapping[str, Value]) -> None:
        self._screen = screen
        self._progress = ProgressTracker()
        self._own = own
        self._running: RunningTrials | None = None
        self._shown: list[Trial] = []
        self._told_of: set[str] = set()
        self._told_goals: Goals | None = None

    def started(self, study: Study) -> None:
        self._screen.header(announcement(study))
        for line in notices(study.spec, study.trials, study.store.fixed):
            self._screen.notice(line)

    def submitted(self, study: Study, run: TrialRun) -> None:
        self._screen.submitted(run)

    def ended(self, study: Study, trial: Trial) -> None:
        self._screen.ended(trial, study.goals, first_alike(trial, self._shown))
        self._shown.append(trial)

    def tick(self, study: Study) -> None:
        self._tell_differences(study)
        before = self._told_goals or study.spec.plan.goals.settled(())
        for line in scale_notices(before, study.goals, study.trials.values()):
            self._screen.notice(line)
        self._told_goals = study.goals
        if not self._screen.is_due:
            return
        progress = progress_of(study, self._progress)
        if study.active:
            self._running = self._running or RunningTrials(study.directory, self._own)
            progress = replace(progress, trials=self._running.look(study.runs.values()))
        self._screen.update(progress)

    def _tell_differences(self, study: Study) -> None:
        """Say what a task returns and is not used, once for each metric: all trials are the same in that."""
        for run, differences in study.take_differences():
            news = [difference for difference in differences if difference.metric not in self._told_of]
            if news:
                self._told_of.update(difference.metric for difference in news)
                self._screen.notice(f"trial {run.label}: {describe_differences(news)}")


class FilesCallback(Callback):
    """The files in the sweep directory, at most once a second."""

    def __init__(self, files: ResultFiles) -> None:
        self._files = files
        self._written: dict[Key, TrialRun] = {}

    def tick(self, study: Study) -> None:
        self._refresh(study, at_once=False)

    def closed(self, study: Study) -> None:
        self._files.changed()
        self._refresh(study, at_once=True)

    def _refresh(self, study: Study, at_once: bool) -> None:
        study.check()
        if study.runs != self._written:
            self._written = dict(study.runs)
            self._files.changed()
        try:
            self._files.refresh(study.runs, study.trials, at_once)
        except OSError as error:
            raise cannot_write(study.spec.sweep_dir, error) from None


class ReportCallback(Callback):
    """The page ``report.html``."""

    def __init__(self, report: ReportWriter) -> None:
        self._report = report

    def submitted(self, study: Study, run: TrialRun) -> None:
        self._report.changed()

    def ended(self, study: Study, trial: Trial) -> None:
        self._report.changed()

    def tick(self, study: Study) -> None:
        self._report.tick()


class TrackersCallback(Callback):
    """MLflow and others, which read the study's database themselves."""

    def __init__(self, trackers: Trackers) -> None:
        self._trackers = trackers

    def submitted(self, study: Study, run: TrialRun) -> None:
        self._trackers.changed()

    def ended(self, study: Study, trial: Trial) -> None:
        self._trackers.changed()

    def tick(self, study: Study) -> None:
        self._trackers.tick()


class StopGrace(Callback):
    """Has those jobs ended that were asked to stop and have not done so in ``grace_seconds``."""

    def __init__(self, grace_seconds: float) -> None:
        self._grace_seconds = grace_seconds

    def tick(self, study: Study) -> None:
        for key in study.active:
            run = study.runs[key]
            if run.asked_to_stop and overdue(study.directory(run), self._grace_seconds):
                study.request_end(key, EndCause.GOES_ON)


class EarlyStoppingCallback(Callback):
    """Asks trials to stop whose curves say that they are not worth going on."""

    def __init__(self, monitor: CurveMonitor, notice: Callable[[str], None]) -> None:
        self._monitor = monitor
        self._notice = notice

    def tick(self, study: Study) -> None:
        for decision in self._monitor.decisions(study.trials, study.runs.values(), study.active):
            for run in study.open_runs_of(decision.trial):
                study.ask_to_stop(run, str(decision))
        explanation = self._monitor.explanation()
        if explanation is not None:
            self._notice(explanation)
