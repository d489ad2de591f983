"""What trials returned, as text that is safe to show."""

import html
from collections.abc import Sequence
from typing import Any

from ax_mo.trial.untrusted import without_escapes

_MOST = 120


def clean(text: str) -> str:
    """The text without escape sequences of terminals; other control characters but newlines and tabs are marked."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in without_escapes(text))


def display_value(value: Any, most: int = _MOST) -> str:
    """A parameter's value or a metric on one line."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    return shortened(clean(str(value)).replace("\n", " "), most)


def shortened(text: str, most: int) -> str:
    """The text, cut to at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def distinct_labels(texts: Sequence[str], most: int) -> list[str]:
    """The texts, each shortened so that no two are the same: with their ends, where their beginnings are alike."""
    short = [shortened(text, most) for text in texts]
    half = (most - 1) // 2
    short = [
        f"{text[: most - 1 - half]}…{text[-half:]}" if short.count(label) > 1 and len(text) > most else label
        for text, label in zip(texts, short, strict=True)
    ]
    return [
        label if short.count(label) == 1 else f"{label[: most - 4]} ({short[: place + 1].count(label)})"
        for place, label in enumerate(short)
    ]


def in_figure(text: str, most: int = _MOST) -> str:
    """The text for a figure: plotly reads a few of HTML's tags in every text, links among them."""
    return html.escape(shortened(clean(text), most), quote=False)
