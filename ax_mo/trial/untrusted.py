"""Reading what any program may have written: no link is followed, no pipe waited for; JSON and texts within bounds.

A trial's process can leave anything under the names that the sweeper reads, and raise or return anything at all.
"""

import errno
import json
import os
import re
import stat
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

MOST_BYTES = 2**20
"""Of a file that holds one JSON object or a text for people."""
LARGEST = 1e100
"""Numbers beyond it are no measurement, and their squares and products leave the floats."""

_DEEPEST = 100
_LONGEST_TEXT = 2000
_LONGEST_NAME = 1000
_MOST_DIGITS = 308
"""Of an integer that is surely a float as well."""

# ECMA-48: colours and movements of the cursor; titles and links, which end with their line at the latest; all others.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\r\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
# PostgreSQL takes no NUL, UTF-8 no half of a surrogate pair.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_UNSTORABLE_IN_NAMES = re.compile("[\0\n\r\ud800-\udfff]")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


class Unusable(ValueError):
    """What a file is or holds cannot be used; the message says why, as what follows the file's name."""


def open_regular(path: Path) -> IO[bytes]:
    """The file, opened to be read. Raises Unusable for a link, a pipe or anything else that is no file, and OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK) and path.is_symlink():
            raise Unusable("is a link, which is not followed") from None
        if error.errno in (errno.ENXIO, errno.ENODEV):
            raise Unusable("is no file") from None
        raise
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise Unusable("is a directory" if stat.S_ISDIR(mode) else "is no file")
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The whole file. Raises Unusable, also for one of more than ``most`` bytes, and OSError."""
    with open_regular(path) as file:
        content = file.read(most + 1) if os.fstat(file.fileno()).st_size <= most else b""
        if len(content) > most or os.fstat(file.fileno()).st_size > most:
            raise Unusable(f"is larger than {most // 1024} KiB")
    return content


def read_text(path: Path, most: int = MOST_BYTES, errors: str = "strict") -> str:
    """The whole file as UTF-8. Raises Unusable and OSError."""
    try:
        return read_bytes(path, most).decode("utf-8", errors)
    except UnicodeDecodeError as error:
        raise Unusable(f"is no UTF-8 at byte {error.start}") from None


def read_tail(path: Path, most: int) -> str:
    """The last ``most`` bytes of a file as text; empty for what cannot be read."""
    try:
        with open_regular(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read(most).decode("utf-8", errors="replace")
    except (OSError, Unusable):
        return ""


def parse_json(text: str | bytes, strict: bool = True) -> Any:
    """JSON of at most 100 levels; strict JSON has no NaN. Numbers that no float holds are infinite. Raises Unusable."""
    try:
        text = text if isinstance(text, str) else text.decode()
        if is_too_deep(text):
            raise Unusable(f"has more than {_DEEPEST} levels of brackets")
        return (_DECODER if strict else _LENIENT).decode(text)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Unusable(f"is no JSON: {error}") from None


def is_too_deep(json_text: str) -> bool:
    """Whether brackets are nested deeper than 100 levels."""
    if json_text.count("[") + json_text.count("{") <= _DEEPEST:
        return False
    brackets = _BRACKET.findall(_STRING.sub("", json_text))
    return max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets), default=0) > _DEEPEST


def measured(value: Any) -> float | None:
    """A JSON value as a number of at most 1e100 either way; None for anything else, such as true, NaN and 1e999."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST <= value <= LARGEST:
        return None
    return value if isinstance(value, float) or abs(value) < 2**63 else float(value)


def without_escapes(text: str) -> str:
    """The text without its ANSI escapes, such as colours."""
    return _ESCAPES.sub("", text)


def storable(text: str, longest: int = _LONGEST_TEXT) -> str:
    """The text without escapes and without what a database cannot hold, cut to ``longest`` characters."""
    text = without_escapes(text)
    shortened = text if len(text) <= longest else text[: longest - 1] + "…"
    return storable_value(shortened)


def storable_value(text: str) -> str:
    """The text with U+FFFD for what PostgreSQL and UTF-8 cannot hold: NUL and halves of surrogate pairs."""
    return _UNSTORABLE.sub("\ufffd", text)


def storable_name(text: str) -> str:
    """A metric's name as it can be the head of a column: one line, at most 1000 characters, without escapes."""
    if text.isprintable() and len(text) <= _LONGEST_NAME:  # for every point of every curve
        return text
    return _UNSTORABLE_IN_NAMES.sub("\ufffd", storable(text, _LONGEST_NAME))


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _refuse(constant: str) -> None:
    raise Unusable(f"is no JSON: {constant}")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse)
_LENIENT = json.JSONDecoder(parse_int=_integer)
