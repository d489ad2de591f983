"""``watch``: the screen of a sweep that runs elsewhere, or its page on this machine; the study is only read."""

import shlex
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ax_mo.cli.lines import from_here, point_command, resume_here
from ax_mo.cli.shared import say, source_or_newest, study_at
from ax_mo.core.failures import first_alike
from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import by_first_objective, pareto_front
from ax_mo.core.request import Request, RequestKind, pause_of
from ax_mo.core.trial import Key, Status, Trial, Value
from ax_mo.core.urls import redacted
from ax_mo.errors import AxMoError
from ax_mo.html_report.state import state_of
from ax_mo.results.standing import in_place_of_model, none_feasible, scale_notices
from ax_mo.storage.directory_lock import held_since
from ax_mo.storage.snapshot import StudySnapshot, StudyState
from ax_mo.terminal.progress import Conclusion, ProgressTracker, StudyProgress
from ax_mo.terminal.running import RunningTrials
from ax_mo.terminal.screen import Screen, screen_for_this_terminal
from ax_mo.trial.result import now

# Seconds between two looks at the study, at least, and as a share of the time that is spent with it; between two at
# whether the screen wants to be drawn.
_EVERY, _SHARE, _TICK = 1.0, 0.05, 0.1


def watch_command(arguments: Namespace) -> None:
    """Show the study until it ends, or serve its page until Ctrl-C."""
    source = source_or_newest(arguments.source)
    record = study_at(source)
    if arguments.html:
        from ax_mo.html_report.live import serve_page  # with it come plotly and the report

        serve_page(lambda: study_at(source), record.directory, arguments.port, lambda url: say(_served(record, url)))
        return
    if arguments.port:
        raise AxMoError("--port is for --html.")
    screen = screen_for_this_terminal(*_running_for(record))
    try:
        _watch(source, record, WatchedStudy(source, screen))
    finally:
        screen.close()


def _served(record: StudySnapshot, url: str) -> str:
    return f"The page of {record.directory} is at {url} as long as this command runs; Ctrl-C ends it."


def _running_for(record: StudySnapshot) -> tuple[float, int | None]:
    """For how many seconds the study's sweep has been running, and how many trials had ended before; 0 and None
    where that is not to be seen from here.
    """
    since = held_since(record.directory) if record.is_running else None
    if since is None:
        return 0.0, None
    before = [trial for trial in record.trials if not trial.is_imported and trial.ended and trial.ended < since]
    seconds = (datetime.fromisoformat(now()) - datetime.fromisoformat(since)).total_seconds()
    return max(0.0, seconds), len(before)


def _watch(source: str, record: StudySnapshot, watched: "WatchedStudy") -> None:
    """Until the study has ended, or Ctrl-C."""
    looked_at, took = time.monotonic(), 0.0
    while not watched.look(record):
        while time.monotonic() < looked_at + max(_EVERY, took / _SHARE):
            watched.draw(record)
            time.sleep(_TICK)
        looked_at = time.monotonic()
        try:
            record = study_at(source)
        except AxMoError as error:
            watched.cannot_read(error)
        took = time.monotonic() - looked_at


class WatchedStudy:
    """Tells a screen what has happened to a study from one look at it to the next."""

    def __init__(self, source: str, screen: Screen) -> None:
        self._source = source
        self._screen = screen
        self._tracker = ProgressTracker()
        self._running: RunningTrials | None = None
        self._state: StudyState | None = None
        self._submitted: set[tuple[Key, int]] = set()
        self._ended: dict[int, Trial] = {}
        self._goals: Goals | None = None
        self._requests: set[int] = set()
        self._paused: Request | None = None
        self._is_away = False

    def look(self, record: StudySnapshot) -> bool:
        """Tell what is new; whether the study has ended."""
        if self._state is None:
            self._begin(record)
        if self._is_away:
            self._is_away = False
            self._screen.notice("The study can be read again.")
        self._tell_requests(record)
        for run in record.runs:
            if run.submitted and (run.key, run.attempt) not in self._submitted and not run.is_imported:
                self._submitted.add((run.key, run.attempt))
                self._screen.submitted(run)
        for trial in sorted(record.trials, key=lambda trial: trial.ended or ""):
            before = self._ended.get(trial.number)
            if trial.status.ended and (before is None or before.ended != trial.ended):  # it may train on
                self._screen.ended(trial, record.goals, first_alike(trial, self._ended.values()))
                self._ended[trial.number] = trial
        for line in scale_notices(self._goals or record.goals, record.goals, record.trials):
            self._screen.notice(line)
        self._goals = record.goals
        if record.state is StudyState.ENDED:
            self._screen.close()
            self._screen.conclude(conclusion_of(record, self._source))
            return True
        if record.state is not self._state:
            self._tell_state(record)
        self._state = record.state
        return False

    def draw(self, record: StudySnapshot) -> None:
        """Bring the screen up to date with what the running trials report, where that can be read here."""
        if not self._screen.is_due or record.state is not StudyState.RUNNING:
            return
        progress = _progress(record, self._tracker)
        if progress.running:
            self._running = self._running or RunningTrials(lambda run: record.directory / run.directory, _own(record))
            progress = replace(progress, trials=self._running.look(record.runs))
        self._screen.update(progress)

    def cannot_read(self, error: AxMoError) -> None:
        """Say so, once."""
        if not self._is_away:
            self._is_away = True
            self._screen.notice(f"{error} It is tried again.")

    def _begin(self, record: StudySnapshot) -> None:
        """What was before this look is no news."""
        self._submitted = {(run.key, run.attempt) for run in record.runs if run.submitted}
        self._ended = {trial.number: trial for trial in record.trials if trial.status.ended}
        self._requests = {request.id for request in record.requests}
        self._screen.header(f"ax_mo: watching {record.directory}; {state_of(record).text}")
        self._state = StudyState.RUNNING

    def _tell_state(self, record: StudySnapshot) -> None:
        if record.state is StudyState.RUNNING:
            self._screen.notice("The study runs.")
            return
        self._running = None
        self._screen.close()
        how = f"It is waited for; to resume: {resume_here(record)}"
        self._screen.notice(f"The study is not running, and has trials left. {how}")

    def _tell_requests(self, record: StudySnapshot) -> None:
        pause = pause_of(record.requests)
        if pause != self._paused and (pause is None) != (self._paused is None):
            told = "The study goes on." if pause is None else f"paused by {pause.origin} (ax-mo pause)"
            self._screen.notice(told)
        self._paused = pause
        for request in record.requests:
            if request.id not in self._requests and request.kind not in (RequestKind.PAUSE, RequestKind.RESUME):
                self._screen.notice(f"{request.kind} {request.text}, asked for by {request.by}")
            self._requests.add(request.id)


def _progress(record: StudySnapshot, tracker: ProgressTracker) -> StudyProgress:
    """How far the study is, but for what its running trials have reported."""
    running = [run for run in record.runs if run.status is Status.RUNNING]
    workers = record.settings.get("n_jobs")
    known = tracker.of(
        record.trials, running, record.goals, len(record.uncounted), record.n_trials or len(record.trials),
        workers if isinstance(workers, int) else None,
    )  # fmt: skip
    return replace(known, is_paused=pause_of(record.requests) is not None)


def _own(record: StudySnapshot) -> Mapping[str, Value]:
    """The project's own configuration, where the study has run it."""
    return next((trial.point for trial in record.trials if trial.generator == "config"), {})


def conclusion_of(record: StudySnapshot, source: str) -> Conclusion:
    """How the study has ended, as its sweep says it."""
    progress = _progress(record, ProgressTracker())
    front = pareto_front(record.trials, record.goals)
    known = [trial for trial in record.trials if trial.status.has_metrics]
    return Conclusion(
        headline=state_of(record).text,
        goals=record.goals,
        keys=record.space.keys,
        front=front,
        known=len(known),
        hypervolume=progress.hypervolume,
        own=next((trial for trial in known if trial.generator == "config"), None),
        place=f"Everything is in {record.directory}",
        next=_next(record, source, front),
        none_feasible=none_feasible(record.trials, record.goals),
        in_place_of_model=in_place_of_model(record.trials),
    )


def _next(record: StudySnapshot, source: str, front: Sequence[Trial]) -> list[tuple[str, str]]:
    commands: list[tuple[str, str]] = []
    first = by_first_objective(front, record.goals)
    words = point_command(record, first[0], [trial.number for trial in front]) if front else None
    if words is not None:
        commands.append(("Run a point again", from_here(record, words)))
    if front:
        commands.append(("Choose a point", shlex.join(["ax-mo", "pareto", redacted(source)])))
    if record.way_on:
        commands.append((record.way_on.capitalize(), resume_here(record)))
    return commands
