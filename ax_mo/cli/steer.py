"""``enqueue``, ``stop``, ``pause``, ``resume`` and ``set``: what a sweep is asked for, through its study's database."""

import getpass
import shlex
import socket
import sys
import time
from argparse import Namespace
from collections.abc import Sequence

from ax_mo.cli.lines import resume_here
from ax_mo.cli.shared import say, say_json, source_or_newest, study_at, tell, trial_named
from ax_mo.core.request import Request, RequestKind, RequestState, enqueued, pause_of
from ax_mo.core.trial import Status
from ax_mo.core.urls import redacted
from ax_mo.early_stopping.rules import EarlyStopping
from ax_mo.errors import AxMoError
from ax_mo.results.standing import standing
from ax_mo.search_space.typed_point import typed_point, whole_point
from ax_mo.storage.location import locate
from ax_mo.storage.requests import add_request, read_request
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trial.result import now

# Seconds that a running sweep has to answer, which looks every second, and between two looks for its answer.
_PATIENCE, _EVERY = 10.0, 0.1


def enqueue_command(arguments: Namespace) -> None:
    """Ask for a point to be tried next."""
    source, words = source_or_newest(arguments.source), arguments.overrides
    record = study_at(source)
    if arguments.remove is not None:
        return _remove(source, record, arguments.remove, arguments.json)
    point = whole_point(record.space, typed_point(record.space, words, "enqueue"))
    if point is not None:
        identity = record.space.identity(point)
        same = next((trial for trial in record.trials if record.space.identity(trial.point) == identity), None)
        if same is not None:
            raise AxMoError(f"The point is trial {same.label} already: {standing(same, record.is_running)}.")
    answer = _send(source, record, RequestKind.ENQUEUE, words)
    message = _sentence(answer) if answer else _for_later(record, "In line", "runs it first")
    if arguments.json:
        return say_json(_as_json(answer, message))
    say(message)
    asked = sum(not trial.is_imported for trial in record.trials) - len(record.uncounted)
    needed = asked + len(enqueued(record.requests)) + 1
    if record.n_trials is not None and needed > record.n_trials:
        more = shlex.join(["ax-mo", "set", redacted(source), f"n_trials={needed}"])
        tell(f"The study has {record.n_trials} trials, and {asked} of them are there. To make room: {more}")


def _remove(source: str, record: StudySnapshot, number: int, as_json: bool) -> None:
    """Raises AxMoError where no such point is in line."""
    in_line = [one.id for one in enqueued(record.requests)]
    if number not in in_line:
        are = f"there are: {', '.join(map(str, in_line))}" if in_line else "no point is"
        raise AxMoError(f"Point {number} is not in line; {are}.")
    answer = _send(source, record, RequestKind.REMOVE, [str(number)])
    message = _sentence(answer) if answer else _for_later(record, f"Point {number} is removed", "leaves it")
    return say_json(_as_json(answer, message)) if as_json else say(message)


def stop_command(arguments: Namespace) -> None:
    """Ask for trials to end early."""
    source = source_or_newest(arguments.source)
    record = study_at(source)
    trials = [trial_named(record, name) for name in arguments.trials]
    for trial in trials:
        if trial.status.ended or trial.status is Status.CANCELLED:
            raise AxMoError(f"Trial {trial.label} is not running: {standing(trial, record.is_running)}.")
    answers = [_send(source, record, RequestKind.STOP, [str(trial.number)]) for trial in trials]
    messages = [
        _sentence(answer) if answer else _for_later(record, f"Trial {trial.label}", "asks it to stop")
        for trial, answer in zip(trials, answers, strict=True)
    ]
    if arguments.json:
        of_each = map(_as_json, answers, messages)
        stops = [{"trial": trial.number, **told} for trial, told in zip(trials, of_each, strict=True)]
        return say_json({"stops": stops})
    say("\n".join(messages))
    given = record.settings.get("early_stopping") or {}
    grace = given.get("grace_seconds") or EarlyStopping.grace_seconds
    tell(
        "It ends when it looks next: after its epoch with Lightning, at should_stop() elsewhere. What has not ended "
        f"after {grace:g} s is ended. It counts as stopped early, with the metrics that it has reported."
    )


def pause_command(arguments: Namespace) -> None:
    """Ask for nothing new to be started."""
    source = source_or_newest(arguments.source)
    record = study_at(source)
    pause = pause_of(record.requests)
    if pause is not None:
        message = f"The study is paused already, by {pause.origin}."
        return say_json(_as_json(message, message)) if arguments.json else say(message)
    answer = _send(source, record, RequestKind.PAUSE)
    message = _sentence(answer) if answer else _for_later(record, "Paused", "starts nothing new")
    if arguments.json:
        return say_json(_as_json(answer, message))
    say(message)
    tell(f"Running trials go on, and nothing new is started until: {_line('resume', source)}")


def resume_command(arguments: Namespace) -> None:
    """Ask for a pause to end."""
    source = source_or_newest(arguments.source)
    record = study_at(source)
    if pause_of(record.requests) is None:
        raise AxMoError(f"The study is not paused.{_hint_to_resume(record)}")
    answer = _send(source, record, RequestKind.RESUME)
    message = _sentence(answer) if answer else _for_later(record, "No longer paused", "starts trials again")
    return say_json(_as_json(answer, message)) if arguments.json else say(message)


def set_command(arguments: Namespace) -> None:
    """Ask for other settings."""
    from ax_mo.sweep.live_settings import parse_live_settings  # what it imports of the sweep takes a moment

    source, words = source_or_newest(arguments.source), arguments.settings
    record = study_at(source)
    parse_live_settings(words)
    answer = _send(source, record, RequestKind.SET, words)
    message = _sentence(answer) if answer else _for_later(record, "Noted", f"has {' '.join(words)}")
    if arguments.json:
        return say_json(_as_json(answer, message))
    say(message)
    if answer:
        tell("The command that the study prints to resume it has it as well.")


def _send(source: str, record: StudySnapshot, kind: RequestKind, words: Sequence[str] = ()) -> str | None:
    """Write the request; what the running sweep has answered, None where none has.

    Raises AxMoError with what it says where it refuses.
    """
    url = locate(source).url
    request, is_first = add_request(url, record.name, Request(kind, tuple(words), _somebody(), now()))
    if is_first and record.is_running:
        print("ax-mo: the sweep that runs is of an earlier version and takes no requests.", file=sys.stderr)
    until = time.monotonic() + (_PATIENCE if record.is_running and not is_first else 0.0)
    while request.state is RequestState.WAITING and time.monotonic() < until:
        time.sleep(_EVERY)
        request = read_request(url, request)
    if request.state is RequestState.REFUSED:
        raise AxMoError(request.answer)
    return request.answer or None


def _as_json(answer: str | None, message: str) -> dict[str, object]:
    return {"taken": bool(answer), "message": message}


def _for_later(record: StudySnapshot, what: str, then: str) -> str:
    """What to say where no sweep has answered, because none runs or since it is busy."""
    if record.is_running:
        return f"{what}: the sweep has not answered yet, and {then} when it can."
    return f"{what}: the study is not running, and its next resume {then}.{_hint_to_resume(record)}"


def _hint_to_resume(record: StudySnapshot) -> str:
    return "" if record.is_running else f"\nresume with: {resume_here(record)}"


def _line(command: str, source: str) -> str:
    return shlex.join(["ax-mo", command, redacted(source)])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _somebody() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # in a container, nobody may have this number
        user = "somebody"
    return f"{user} on {socket.gethostname()}"
