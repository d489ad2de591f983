"""What somebody asks of a study that may run elsewhere: a point to try, a trial to stop, a pause, a setting."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class RequestKind(StrEnum):
    """The commands that ask for it; the values stand in databases."""

    ENQUEUE = "enqueue"
    REMOVE = "remove"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    SET = "set"


class RequestState(StrEnum):
    """How far a request is; the values stand in databases."""

    WAITING = "waiting"
    """No sweep has seen it."""
    TAKEN = "taken"
    """A pause that is in force, or a point that is in line; the next sweep takes it again."""
    DONE = "done"
    REFUSED = "refused"

    @property
    def is_open(self) -> bool:
        """Whether there is something left to do."""
        return self in (RequestState.WAITING, RequestState.TAKEN)


@dataclass(frozen=True)
class Request:
    """One request: the words of its command, who made it and when, and what the sweep has answered."""

    kind: RequestKind
    words: tuple[str, ...]
    """Of enqueue and set ``key=value``, of stop the trial's number, of remove the id of the request for a point."""
    by: str
    """Who made it, for people."""
    made: str
    """ISO 8601, UTC."""
    state: RequestState = RequestState.WAITING
    answer: str = ""
    """What the sweep that has taken it says of it."""
    id: int = 0
    """In the order in which requests were made; 0 for one that is not stored."""

    @property
    def text(self) -> str:
        """Its words, for people."""
        return " ".join(self.words)

    @property
    def origin(self) -> str:
        """Who made it and when, for people."""
        return f"{self.by}, {self.made[:19].replace('T', ' ')} UTC"

    def answered(self, state: RequestState, answer: str) -> "Request":
        """The request as a sweep has answered it."""
        return replace(self, state=state, answer=answer)


def pause_of(requests: Iterable[Request]) -> Request | None:
    """The pause among open requests that no later one has ended."""
    pause: Request | None = None
    for request in requests:
        if request.kind is RequestKind.PAUSE:
            pause = pause or request
        elif request.kind is RequestKind.RESUME:
            pause = None
    return pause


def enqueued(requests: Iterable[Request]) -> list[Request]:
    """Those of the open requests that are points to try, in their order, and are not to be removed."""
    requests = tuple(requests)
    removed = {request.words for request in requests if request.kind is RequestKind.REMOVE}
    return [one for one in requests if one.kind is RequestKind.ENQUEUE and (str(one.id),) not in removed]
