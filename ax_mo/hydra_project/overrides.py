"""Keys and values as text in Hydra's override grammar, which reads them back unchanged."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString

from ax_mo.hydra_project.compat import element_as_text, with_number

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
_PATH = re.compile(r"(?:file:/)?/[\w./@+-]+|0|[1-9]\d*", re.ASCII)
_WORDS = ("true", "false", "null", "nan", "inf")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?", re.ASCII)

_MOST_PARSED = 4096
"""Lines that are kept: of most parameters, trials have the same few options again and again."""


def as_text(element: Any) -> str:
    """The element as Hydra's grammar writes it. Strings are quoted unless they are plain words.

    Hydra strips the quotes of ``choice('1', 'null')`` before a sweep sees them, so that the kind of string is lost.
    """
    if isinstance(element, bool):
        return "true" if element else "false"
    if isinstance(element, float):
        return repr(element)
    if isinstance(element, QuotedString):
        element = element.text
    if isinstance(element, str):
        return element if _PLAIN.fullmatch(element) and element.lower() not in _WORDS else quoted(element)
    if isinstance(element, list):
        return "[" + ",".join(map(as_text, element)) + "]"
    if isinstance(element, dict):
        return "{" + ",".join(f"{element_as_text(k)}:{as_text(v)}" for k, v in element.items()) + "}"
    return element_as_text(element)


def parsed(lines: Iterable[str]) -> list[Override]:
    """The overrides, for those who only read them. Raises HydraException.

    Hydra's parser takes a millisecond for a line; nearly all lines of trials are those of others but for a number.
    """
    return [_parsed(line) for line in lines]


def _parsed(line: str) -> Override:
    key, equals, value = line.partition("=")
    if not (equals and _NUMBER.fullmatch(value)):
        return _parsed_by_hydra(line)
    number = float(value) if "." in value or "e" in value else int(value)
    return with_number(_parsed_by_hydra(f"{key}=0"), number, line)


@lru_cache(_MOST_PARSED)
def _parsed_by_hydra(line: str) -> Override:
    return OverridesParser.create().parse_overrides([line])[0]


def quoted(text: str) -> str:
    """Any string as an override value that Hydra reads back unchanged."""
    return QuotedString(text, Quote.single).with_quotes()


def bare(key: str) -> str:
    """The key without Hydra's prefixes for adding and deleting."""
    return key.lstrip("+~")


def path_value(text: str) -> str:
    """An entry of ``hydra.searchpath``, which may hold an interpolation, quoted only where it must be."""
    return text if _PATH.fullmatch(text) else quoted(text)


def override_value(text: str) -> str:
    """A path or number as an override value, quoted only where it must be.

    A directory is no interpolation, even if its name looks like one.
    """
    if _PATH.fullmatch(text):
        return text
    # In OmegaConf's grammar a backslash escapes the interpolation, and itself before one.
    return quoted(re.sub(r"(\\*)\$\{", lambda match: 2 * match[1] + "\\${", text))
