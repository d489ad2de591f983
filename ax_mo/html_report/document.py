"""What the pages have in common: parts that may fail, and one file that holds everything.

A page holds plotly.js and everything else, asks no server for anything, and may be opened from any disk. What trials
returned is escaped by the template, and once more by clean().
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from ax_mo.errors import AxMoError
from ax_mo.html_report.text import clean, display_value


@dataclass
class Content:
    """What the template shows. ``figures`` by the id of their place; ``notes`` say there what there is not."""

    figures: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, list[tuple[str, list[str]]]] = field(default_factory=dict)
    """Of a place with several figures, the lists from which the reader chooses one: what each is called, its texts."""
    notes: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    hover: dict[int, str] = field(default_factory=dict)
    """What is under the mouse at each trial, once for all figures."""

    @contextmanager
    def part(self, place: str) -> Iterator[None]:
        """Whatever goes wrong with a part is a note in its place."""
        try:
            yield
        except AxMoError as error:
            self.notes[place] = str(error)
        except Exception as error:
            first = (str(error) or "no message").splitlines()[0]
            self.notes[place] = f"This part could not be made: {type(error).__name__}: {first}"

    def add(self, place: str, figure: Any) -> None:
        """Put a plotly figure there."""
        self.figures[place] = self._as_json(figure)

    def add_choice(self, place: str, lists: list[tuple[str, list[str]]], figures: Sequence[Any]) -> None:
        """Put several figures there, of which the page shows one.

        There is one for each combination of the lists' texts, those of the last list following each other.
        """
        self.lists[place] = lists
        self.figures[place] = {"choices": [self._as_json(figure) for figure in figures]}

    def _as_json(self, figure: Any) -> Any:
        """Without plotly's template, since the page has its own, and without what it has once for all figures."""
        for trace in figure.data:
            if trace.meta == "trials":
                known = zip(trace.customdata, trace.hovertext, strict=True)
                self.hover |= {number: text for (number, *_), text in known}
                trace.hovertext = None
        figure.update_layout(template=None)
        return json.loads(figure.to_json())


def render_page(kind: str, content: Content, data: Mapping[str, Any], **values: Any) -> str:
    """The page of ``<kind>.html.j2`` and ``<kind>.js``; ``data`` is what its script knows, as JSON."""
    import jinja2
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        finalize=lambda value: clean(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    now = datetime.now(UTC)
    return environment.get_template(f"{kind}.html.j2").render(
        content=content,
        display_value=display_value,
        written=now.strftime("%Y-%m-%d %H:%M:%S UTC"),
        written_iso=now.isoformat(timespec="seconds"),
        style=Markup(_part("base.css")),
        scripts=[
            Markup(get_plotlyjs().replace("</script", "<\\/script")),
            Markup(_part("base.js")),
            Markup(_part(f"{kind}.js")),
        ],
        data=Markup(script_json({**data, "hover": content.hover})),
        figures=Markup(script_json(content.figures)),
        **values,
    )


def _part(name: str) -> str:
    return (files("ax_mo.html_report") / name).read_text(encoding="utf-8")


def script_json(value: Any) -> str:
    """JSON for a ``<script>`` element: no text in it can end the element or begin a comment in it."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
