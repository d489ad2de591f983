"""JSON objects of a file that anybody may have edited: each value has its type, or an error names its key. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class Wrong(ValueError):
    """A key that is missing or holds something else; the message says which and what."""


@dataclass(frozen=True)
class CheckedObject:
    """A JSON object; ``at`` is where it stands in its file. The methods give the value of a key, or raise Wrong."""

    content: Mapping[str, Any]
    at: str = ""

    @classmethod
    def of(cls, value: Any, at: str = "") -> "CheckedObject":
        if not isinstance(value, dict):
            raise Wrong(f"{repr(at) if at else 'it'} must be an object, and is {_shown(value)}")
        return cls(value, at)

    def value(self, key: str) -> Any:
        if key not in self.content:
            raise Wrong(f"it has no '{self._path(key)}'")
        return self.content[key]

    def object(self, key: str) -> "CheckedObject":
        return CheckedObject.of(self.value(key), self._path(key))

    def objects(self, key: str) -> list["CheckedObject"]:
        entries = self._checked(key, list, "a list of objects")
        return [CheckedObject.of(entry, f"{self._path(key)}[{index}]") for index, entry in enumerate(entries)]

    def text(self, key: str) -> str:
        return str(self._checked(key, str, "text"))

    def text_or_null(self, key: str) -> str | None:
        return None if self.value(key) is None else self.text(key)

    def texts(self, key: str) -> list[str]:
        entries = self._checked(key, list, "a list of texts")
        if not all(isinstance(entry, str) for entry in entries):
            raise self._wrong(key, "a list of texts")
        return list(entries)

    def text_by_name(self, key: str) -> Mapping[str, str]:
        content = self.object(key)
        return {name: content.text(name) for name in content.content}

    def number_by_name(self, key: str) -> Mapping[str, float]:
        content = self.object(key)
        return {name: content.number(name) for name in content.content}

    def number(self, key: str) -> float:
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(key, "a finite number")
        return value

    def whole(self, key: str) -> int:
        """A whole number that a database can hold."""
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
            raise self._wrong(key, "a whole number of at most 64 bits")
        return value

    def moment(self, key: str) -> str:
        """A time in ISO 8601 with its zone, as text."""
        text = self.text(key)
        try:
            known = datetime.fromisoformat(text).tzinfo is not None
        except ValueError:
            known = False
        if not known:
            raise self._wrong(key, "a time such as 2026-11-02T10:15:00+00:00")
        return text

    def moment_or_null(self, key: str) -> str | None:
        return None if self.value(key) is None else self.moment(key)

    def _checked(self, key: str, kind: type, wanted: str) -> Any:
        value = self.value(key)
        if not isinstance(value, kind):
            raise self._wrong(key, wanted)
        return value

    def _wrong(self, key: str, wanted: str) -> Wrong:
        return Wrong(f"'{self._path(key)}' must be {wanted}, and is {_shown(self.content[key])}")

    def _path(self, key: str) -> str:
        return f"{self.at}.{key}" if self.at else key


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
