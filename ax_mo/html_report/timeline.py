"""What the workers did when and how long they were free, and how long the optimizer computed what to try."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median

import plotly.graph_objects as go

from ax_mo.core.trial import Status, TrialRun, seconds_between
from ax_mo.html_report.style import BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, layout, name_columns, note
from ax_mo.html_report.text import in_figure
from ax_mo.html_report.tradeoff import NONE_ENDED
from ax_mo.results.standing import status_text
from ax_mo.storage.snapshot import StudySnapshot

_PATIENCE = 30.0
"""Seconds beyond its suggestion after which a trial begins at the latest while somebody sweeps: a sweeper composes and
submits it in less, and a resumed one has loaded the model's libraries."""

_COLORS = {
    Status.COMPLETED: BLUE,
    Status.EARLY_STOPPED: ORANGE,
    Status.FAILED: RED,
    Status.RUNNING: SKY,
    Status.CANCELLED: GREY,
}
_COLORS_OF_GENERATORS = {"sobol": ORANGE, "model": BLUE}
_COLORS_OF_OTHERS = (GREEN, PINK, GREY)


@dataclass(frozen=True)
class Stay:
    """A run on a worker, from its submission to its end: seconds since the first run's, those of pauses not counted."""

    run: TrialRun
    start: float
    end: float


@dataclass(frozen=True)
class Pause:
    """From the last end under one sweeper to the first submission by the next."""

    at: float
    """On the clock of ``Stay``, which stands still meanwhile."""
    seconds: float


@dataclass(frozen=True)
class Schedule:
    """What each worker did. Workers have no names: a run goes to the one that has been free for the shortest time."""

    workers: Sequence[Sequence[Stay]]
    pauses: Sequence[Pause] = ()

    @property
    def seconds(self) -> float:
        """In which somebody swept."""
        return max((stay.end for worker in self.workers for stay in worker), default=0.0)

    @property
    def waits(self) -> list[float]:
        """How long each worker was free before its next run of the same sweeper, the suggestion included."""
        return [
            max(0.0, b.start - a.end)
            for worker in self.workers
            for a, b in pairwise(worker)
            if not any(a.end <= pause.at <= b.start for pause in self.pauses)
        ]

    @property
    def busy(self) -> float:
        """The share of the workers' time in which they had a run."""
        total = self.seconds * len(self.workers)
        return sum(stay.end - stay.start for worker in self.workers for stay in worker) / total if total else 0.0

    def describe(self) -> str:
        """For people: how many workers there were, and how long they were free; empty without any."""
        if not self.workers:
            return ""
        count = len(self.workers)
        text = f"{count} worker{'s' if count > 1 else ''}, busy {100 * self.busy:.0f} % of the time."
        if self.waits:
            text += (
                f" Between two trials a worker was free for {duration(median(self.waits))} (median; at most "
                f"{duration(max(self.waits))}), which includes waiting for the suggestion."
            )
        if self.pauses:
            whole = duration(sum(pause.seconds for pause in self.pauses))
            what = "the pause" if len(self.pauses) == 1 else f"{len(self.pauses)} pauses"
            text += f" Not counted: {what} before a resume, in which nobody swept ({whole})."
        return text


def schedule(record: StudySnapshot) -> Schedule:
    """Who ran what, as far as can be told from the runs' times.

    Where no run was under way for longer than the next one's suggestion can explain, nobody swept.
    """
    submitted = {run.key: run.submitted for run in record.runs if not run.is_imported and run.submitted is not None}
    if not submitted:
        return Schedule(())
    first = min(submitted.values())
    latest = max(run.ended or submitted[run.key] for run in record.runs if run.key in submitted)
    now = datetime.now(UTC).isoformat() if record.is_running else latest
    workers: list[list[Stay]] = []
    pauses: list[Pause] = []
    reached = paused = 0.0
    for run in sorted((r for r in record.runs if r.key in submitted), key=lambda r: submitted[r.key]):
        start = seconds_between(first, submitted[run.key])
        end = max(start, seconds_between(first, run.ended or now))
        # A run that was asked for before, as those that a resume runs again, waited for no suggestion.
        waited_for_it = run.asked is None or seconds_between(first, run.asked) >= reached
        if start - reached > _PATIENCE + ((run.suggestion_seconds or 0.0) if waited_for_it else 0.0):
            pauses.append(Pause(round(reached - paused, 6), start - reached))
            paused += start - reached
        reached = max(reached, end)
        stay = Stay(run, round(start - paused, 6), round(end - paused, 6))  # as exact as the times are
        free = [worker for worker in workers if worker[-1].end <= stay.start]
        if free:
            max(free, key=lambda worker: worker[-1].end).append(stay)
        else:
            workers.append([stay])
    return Schedule(workers, pauses)


_UNITS = (("days", "days", 86400.0), ("hours", "h", 3600.0), ("minutes", "min", 60.0))


def duration(seconds: float) -> str:
    """With two or three digits, in the unit that people would use."""
    for _, unit, length in _UNITS:
        if seconds >= 2 * length:
            count = seconds / length
            return f"{count:.1f} {unit}" if count < 100 else f"{count:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def timeline(record: StudySnapshot) -> go.Figure:
    """A strip for each worker: which trial it ran when, and how that ended. Pauses take no room."""
    known = schedule(record)
    if not known.workers:
        return note(NONE_ENDED)
    unit, length = next(((name, s) for name, _, s in _UNITS if known.seconds > 3 * s), ("seconds", 1.0))
    figure = layout(go.Figure(), 150 + 34 * len(known.workers))
    on_workers = [(f"worker {number}", stay) for number, stays in enumerate(known.workers, start=1) for stay in stays]
    for status, color in _COLORS.items():
        of_status = [(worker, stay) for worker, stay in on_workers if stay.run.status is status]
        if of_status:
            figure.add_bar(
                orientation="h",
                y=[worker for worker, _ in of_status],
                base=[stay.start / length for _, stay in of_status],
                x=[(stay.end - stay.start) / length for _, stay in of_status],
                name=status_text(status),
                marker={"color": color, "line": {"width": 1, "color": "rgba(255,255,255,0.7)"}},
                customdata=[[stay.run.number] for _, stay in of_status],
                hovertext=[
                    f"trial {stay.run.label}: {stay.end - stay.start:.1f} s, {status_text(status)}"
                    for _, stay in of_status
                ],
                hoverinfo="text",
            )
    for pause in known.pauses:
        figure.add_vline(x=pause.at / length, line={"width": 2, "dash": "dash", "color": PINK})
    if known.pauses:
        figure.add_scatter(
            x=[pause.at / length for pause in known.pauses],
            y=["worker 1"] * len(known.pauses),
            mode="markers",
            name="pause before a resume",
            marker={"symbol": "line-ns", "size": 14, "line": {"width": 2, "color": PINK}},
            hovertext=[f"nobody swept for {duration(pause.seconds)}" for pause in known.pauses],
            hoverinfo="text",
        )
    figure.update_layout(barmode="overlay", bargap=0.25)
    without = ", without pauses" if known.pauses else ""
    figure.update_xaxes(title_text=f"{unit} since the first trial{without}", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", type="category")
    name_columns(figure, y="worker", base=f"start ({unit})", x=f"duration ({unit})")
    return figure


def suggestion_times(record: StudySnapshot) -> dict[str, dict[int, float]]:
    """How long each trial's suggestion was computed in seconds, where it was and is known, by generator and trial."""
    times: dict[str, dict[int, float]] = {}
    for trial in record.trials:
        if not trial.is_imported and trial.suggestion_seconds is not None:
            times.setdefault(trial.generator, {})[trial.number] = trial.suggestion_seconds
    return times


def suggestion_seconds(record: StudySnapshot) -> go.Figure:
    """A bar for each trial whose suggestion was computed."""
    known = suggestion_times(record)
    if not known:
        return note("It is not known how long the suggestions were computed.")
    figure = layout(go.Figure(), 230)
    others = iter(_COLORS_OF_OTHERS * len(known))
    for generator, seconds in known.items():
        name = in_figure(generator, 30)
        figure.add_bar(
            x=list(seconds),
            y=[float(f"{value:.4g}") for value in seconds.values()],
            name=name,
            marker={"color": _COLORS_OF_GENERATORS.get(generator) or next(others), "line": {"width": 0}},
            customdata=[[number] for number in seconds],
            hovertemplate=f"trial %{{x}}: %{{y:.3g}} s, {name}<extra></extra>",
        )
    figure.update_layout(barmode="overlay", bargap=0.2)
    figure.update_xaxes(title_text="trial")
    figure.update_yaxes(title_text="seconds", rangemode="tozero")
    name_columns(figure, y="seconds", series="generator")
    return figure
