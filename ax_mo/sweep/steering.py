"""What users ask of a running study from elsewhere: points to try, trials to stop, pauses, other settings."""

import shlex
from collections.abc import Callable

from ax_mo.core.request import Request, RequestKind, RequestState
from ax_mo.core.trial import Status
from ax_mo.errors import ConfigError
from ax_mo.results.standing import status_text
from ax_mo.search_space.space import PointIdentity
from ax_mo.search_space.start import completed_point
from ax_mo.search_space.typed_point import typed_point
from ax_mo.storage.requests import RequestWatch
from ax_mo.sweep.callbacks import Callback
from ax_mo.sweep.live_settings import parse_live_settings, with_settings
from ax_mo.sweep.spec import StudySpec
from ax_mo.sweep.study import Study
from ax_mo.sweep.suggestions import Suggestions


class Steering(Callback):
    """Does what the study's database says that somebody has asked for, and answers there.

    ``most_jobs`` is how many the engine has room for, None where nobody knows. ``respecified`` writes down what the
    study's settings are by now. A request is done once its answer says so: one that a sweeper did not live to answer
    is taken by the next, and doing it twice changes nothing. A point that is a trial already is not tried again.
    """

    def __init__(
        self,
        watch: RequestWatch,
        suggestions: Suggestions,
        most_jobs: int | None,
        notice: Callable[[str], None],
        respecified: Callable[[StudySpec], None],
    ) -> None:
        self._watch = watch
        self._suggestions = suggestions
        self._most_jobs = most_jobs
        self._notice = notice
        self._respecified = respecified
        self._in_line: dict[PointIdentity, Request] = {}
        self._looked_at = -1  # the last trial that was looked at for points in line
        self._pauses: list[Request] = []
        self._later: list[Request] = []  # while a launcher has the main thread

    def started(self, study: Study) -> None:
        self._looked_at = max(study.trials, default=-1)
        requests = study.store.requests()
        for request in sorted(requests, key=lambda request: request.kind is not RequestKind.SET):
            self._take(study, request)  # with the settings first: whether there is room for points depends on them
        self._watch.start({request.id for request in requests})

    def tick(self, study: Study) -> None:
        if study.is_over:
            return  # what comes now is the next sweep's
        later, self._later = self._later, []
        for request in [*later, *self._watch.take()]:
            self._take(study, request)
        if self._in_line:
            self._find_trials(study)

    def stop_trials(self, study: Study) -> None:
        """Take the requests to stop a trial, on a thread, while a launcher has the loop's own; others wait for that."""
        for request in self._watch.take():
            if request.kind is RequestKind.STOP:
                self._take(study, request)
            else:
                self._later.append(request)

    def closed(self, study: Study) -> None:
        self._watch.close()
        if self._in_line and not study.exhausted:
            self._find_trials(study)
            left = len(self._in_line)
            if left:
                points = "1 enqueued point waits" if left == 1 else f"{left} enqueued points wait"
                room = "" if study.has_room else f", and for more n_trials than {study.asked}"
                self._notice(f"{points} for a resume{room}.")

    def _take(self, study: Study, request: Request) -> None:
        take = {
            RequestKind.ENQUEUE: self._enqueue,
            RequestKind.REMOVE: self._remove,
            RequestKind.STOP: self._stop,
            RequestKind.PAUSE: self._pause,
            RequestKind.RESUME: self._resume,
            RequestKind.SET: self._set,
        }[request.kind]
        try:
            take(study, request)
        except (ConfigError, ValueError, LookupError) as error:  # the words are from a database that others write to
            self._notice(f"ax-mo {request.kind} {request.text}, by {request.by}, is refused: {error}")
            study.store.answer(request.answered(RequestState.REFUSED, str(error)))

    def _done(self, study: Study, request: Request, answer: str) -> None:
        study.store.answer(request.answered(RequestState.DONE, answer))

    # Points

    def _enqueue(self, study: Study, request: Request) -> None:
        """Raises ConfigError for a point that is not in the space."""
        space, where = study.spec.plan.space, "enqueue"
        point = completed_point(space, typed_point(space, request.words, where), study.spec.project, where)
        identity = space.identity(point)
        same = next((trial for trial in study.trials.values() if space.identity(trial.point) == identity), None)
        if same is not None or identity in self._in_line:
            known = "in line already" if same is None else f"trial {same.label}"
            self._done(study, request, f"the point is {known}")
            return
        self._in_line[identity] = request
        self._suggestions.enqueue(point)
        if request.state is RequestState.WAITING:
            overrides = " ".join(space.overrides(point)[len(space.fixed) :])
            when = "as soon as a worker is free" if study.has_room else f"once n_trials is more than {study.asked}"
            study.store.answer(request.answered(RequestState.TAKEN, f"it runs next, {when}: {overrides}"))
            self._notice(f"enqueued by {request.by}, to run next, {when}: {overrides}")

    def _remove(self, study: Study, request: Request) -> None:
        """Raises ConfigError where the point is not in line, or no more."""
        self._find_trials(study)
        number = int(request.words[0])
        identity = next((identity for identity, one in self._in_line.items() if one.id == number), None)
        if identity is None:
            raise ConfigError(f"point {number} is not in line.")
        point = self._in_line.pop(identity)
        self._suggestions.remove(identity)
        self._done(study, point, f"removed by {request.by}")
        self._done(study, request, f"point {number} is removed")
        self._notice(f"removed by {request.by} (ax-mo enqueue --remove): {point.text}")

    def _find_trials(self, study: Study) -> None:
        """Points in line that have become trials are done with, whoever suggested them."""
        space, last = study.spec.plan.space, max(study.trials, default=-1)
        for number in range(self._looked_at + 1, last + 1):
            request = self._in_line.pop(space.identity(study.trials[number].point), None)
            if request is not None:
                self._done(study, request, f"it is trial {number}")
        self._looked_at = last

    # Trials

    def _stop(self, study: Study, request: Request) -> None:
        number = int(request.words[0])
        trial = study.trials.get(number)
        if trial is None:
            raise ConfigError(f"the study has no trial {number}.")
        runs = study.open_runs_of(number)
        if not runs or trial.status is Status.CANCELLED:
            self._done(study, request, f"trial {number} is not running: {status_text(trial.status)}")
            return
        for run in runs:
            if not run.asked_to_stop:
                study.ask_to_stop(run, f"asked by {request.by} (ax-mo stop)")
        self._done(study, request, f"trial {number} is asked to stop")
        self._notice(f"trial {number} is asked to stop, by {request.by} (ax-mo stop)")

    # The study

    def _pause(self, study: Study, request: Request) -> None:
        study.is_paused = True
        self._pauses.append(request)
        on = shlex.join(["ax-mo", "resume", str(study.spec.sweep_dir)])
        running = f" The {len(study.active)} running trial(s) go on." if study.active else ""
        self._notice(f"paused by {request.by} (ax-mo pause): nothing new is started.{running} It goes on with: {on}")
        if request.state is RequestState.WAITING:
            study.store.answer(request.answered(RequestState.TAKEN, "the study is paused"))

    def _resume(self, study: Study, request: Request) -> None:
        if study.is_paused:
            self._notice(f"the study goes on, by {request.by} (ax-mo resume)")
        study.is_paused = False
        for pause in self._pauses:
            self._done(study, pause, f"ended by {request.by}")
        self._pauses = []
        self._done(study, request, "the study goes on")

    def _set(self, study: Study, request: Request) -> None:
        """Raises ConfigError for what cannot be changed, or not so."""
        values = parse_live_settings(request.words)
        most = self._most_jobs
        if most is not None and values.get("n_jobs", 0) > most:
            raise ConfigError(f"n_jobs={values['n_jobs']}: this machine has room for {most} such job(s).")
        before = study.spec.settings
        changes = ", ".join(f"{name}={value} (was {getattr(before, name)})" for name, value in values.items())
        study.spec = with_settings(study.spec, values)
        self._respecified(study.spec)
        self._done(study, request, f"from now on, {changes}")
        self._notice(f"set by {request.by} (ax-mo set): {changes}")
