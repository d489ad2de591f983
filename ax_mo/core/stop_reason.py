"""Why a study ended before its last trial: a kind that commands can act on, and a sentence for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class StopKind(StrEnum):
    """What ended a study; the values stand in databases."""

    TIMEOUT = "timeout"
    STALL = "stall"
    """``stop_when``: more trials hardly move the front."""
    EXHAUSTED = "exhausted"
    """There is no other point to try."""


@dataclass(frozen=True)
class StopReason:
    """The end of a study by its own rules; as text, the sentence."""

    kind: StopKind
    text: str

    def __str__(self) -> str:
        return self.text

    def as_json(self) -> dict[str, str]:
        """As databases hold it."""
        return {"kind": self.kind.value, "text": self.text}

    @classmethod
    def from_json(cls, given: Any) -> "StopReason | None":
        """What ``as_json`` gave, or the sentence that earlier versions left; None for null. Raises ValueError."""
        if given is None:
            return None
        if isinstance(given, Mapping):
            return cls(StopKind(given["kind"]), str(given["text"]))
        text = str(given)
        if text.startswith("timeout_hours"):
            return cls(StopKind.TIMEOUT, text)
        return cls(StopKind.STALL if "stop_when" in text else StopKind.EXHAUSTED, text)
