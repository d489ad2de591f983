"""How long the optimizer computed what to try."""

from dataclasses import dataclass
from statistics import median

import plotly.graph_objects as go

from ax_mo.html_report.style import BLUE, GREEN, GREY, ORANGE, PINK, layout, note
from ax_mo.html_report.text import in_figure
from ax_mo.storage.snapshot import StudySnapshot

_COLORS = {"sobol": ORANGE, "model": BLUE}
_OTHERS = (GREEN, PINK, GREY)


@dataclass(frozen=True)
class Computed:
    """The suggestions of one generator, of which it is known; in seconds."""

    generator: str
    seconds: dict[int, float]
    """By trial."""

    @property
    def count(self) -> int:
        return len(self.seconds)

    @property
    def median(self) -> float:
        return median(self.seconds.values())

    @property
    def longest(self) -> float:
        return max(self.seconds.values())

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def computed(record: StudySnapshot) -> list[Computed]:
    """By generator, in the order of their first trials; the project's own configuration was not computed."""
    found: dict[str, dict[int, float]] = {}
    for trial in record.trials:
        if not trial.is_imported and trial.suggestion_seconds is not None:
            found.setdefault(trial.generator, {})[trial.number] = trial.suggestion_seconds
    return [Computed(generator, seconds) for generator, seconds in found.items()]


def suggestion_seconds(record: StudySnapshot) -> go.Figure:
    """A bar for each trial whose suggestion was computed."""
    known = computed(record)
    if not known:
        return note("It is not known how long the suggestions were computed.")
    figure = go.Figure()
    others = iter(_OTHERS * len(known))
    for of in known:
        name = in_figure(of.generator, 30)
        figure.add_bar(
            x=list(of.seconds),
            y=[float(f"{seconds:.4g}") for seconds in of.seconds.values()],
            name=name,
            marker={"color": _COLORS.get(of.generator) or next(others), "line": {"width": 0}},
            customdata=[[number] for number in of.seconds],
            hovertemplate=f"trial %{{x}}: %{{y:.3g}} s, {name}<extra></extra>",
        )
    layout(figure, 230)
    figure.update_layout(barmode="overlay", bargap=0.2)
    figure.update_xaxes(title_text="trial")
    figure.update_yaxes(title_text="seconds", rangemode="tozero")
    return figure
