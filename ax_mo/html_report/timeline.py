"""What the workers did when, and how long they were free."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from statistics import median

import plotly.graph_objects as go

from ax_mo.core.trial import Key, Status, TrialRun
from ax_mo.html_report.style import BLUE, GREY, ORANGE, PINK, RED, SKY, layout, note
from ax_mo.html_report.tradeoff import NOTHING
from ax_mo.results.standing import status_text
from ax_mo.storage.snapshot import StudySnapshot

PATIENCE = 30.0
"""Seconds beyond its suggestion after which a trial begins at the latest while somebody sweeps: a sweeper composes and
submits it in less, and a resumed one has loaded the model's libraries."""

_COLORS = {
    Status.COMPLETED: BLUE,
    Status.EARLY_STOPPED: ORANGE,
    Status.FAILED: RED,
    Status.RUNNING: SKY,
    Status.CANCELLED: GREY,
}


@dataclass(frozen=True)
class Stay:
    """A run on a worker, from its submission to its end; seconds since the first run's submission."""

    run: TrialRun
    start: float
    end: float


@dataclass(frozen=True)
class Pause:
    """From the last end under one sweeper to the first submission by the next; on the same clock."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Schedule:
    """What each worker did. Workers have no names: a run goes to the one that has been free for the shortest time."""

    workers: tuple[tuple[Stay, ...], ...]
    pauses: tuple[Pause, ...] = ()

    def swept(self, moment: float) -> float:
        """How much of the time until then somebody swept. In a pause nothing begins or ends."""
        return moment - sum(pause.seconds for pause in self.pauses if pause.end <= moment)

    @property
    def seconds(self) -> float:
        """In which somebody swept."""
        return self.swept(max((stay.end for worker in self.workers for stay in worker), default=0.0))

    @cached_property
    def waits(self) -> tuple[float, ...]:
        """How long each worker was free before its next run of the same sweeper, the suggestion included."""
        return tuple(
            max(0.0, b.start - a.end)
            for worker in self.workers
            for a, b in pairwise(worker)
            if not any(a.end <= pause.start and pause.end <= b.start for pause in self.pauses)
        )

    @property
    def typical_wait(self) -> float | None:
        return median(self.waits) if self.waits else None

    @property
    def busy(self) -> float:
        """The share of the workers' time in which they had a run."""
        total = self.seconds * len(self.workers)
        return sum(stay.end - stay.start for worker in self.workers for stay in worker) / total if total else 0.0

    def describe(self) -> str:
        if not self.workers:
            return ""
        count = len(self.workers)
        text = f"{count} worker{'s' if count > 1 else ''}, busy {100 * self.busy:.0f} % of the time."
        if self.typical_wait is not None:
            text += (
                f" Between two trials a worker was free for {duration(self.typical_wait)} (median; at most "
                f"{duration(max(self.waits))}), which includes waiting for the suggestion."
            )
        if self.pauses:
            whole = duration(sum(pause.seconds for pause in self.pauses))
            what = "the pause" if len(self.pauses) == 1 else f"{len(self.pauses)} pauses"
            text += f" Not counted: {what} before a resume, in which nobody swept ({whole})."
        return text


def schedule(record: StudySnapshot) -> Schedule:
    """Who ran what, as far as can be told from the runs' times."""
    runs = [run for run in record.runs if not run.is_imported and run.submitted is not None]
    if not runs:
        return Schedule(())
    now = datetime.now(UTC).isoformat() if record.is_running else max(_end(run, "") for run in runs)
    first = min(_time(run.submitted or "") for run in runs)

    def since_first(text: str) -> float:
        return (_time(text) - first).total_seconds()

    starts = {run.key: since_first(run.submitted or "") for run in runs}
    ends = {run.key: max(starts[run.key], since_first(_end(run, now))) for run in runs}
    runs.sort(key=lambda run: starts[run.key])
    asked = {run.key: since_first(run.asked) for run in runs if run.asked}
    workers: list[list[Stay]] = []
    for run in runs:
        stay = Stay(run, starts[run.key], ends[run.key])
        free = [worker for worker in workers if worker[-1].end <= stay.start]
        if free:
            max(free, key=lambda worker: worker[-1].end).append(stay)
        else:
            workers.append([stay])
    return Schedule(tuple(map(tuple, workers)), tuple(_pauses(runs, asked, starts, ends)))


def _pauses(
    runs: Sequence[TrialRun], asked: dict[Key, float], starts: dict[Key, float], ends: dict[Key, float]
) -> list[Pause]:
    """Where no run was under way for longer than the next one's suggestion can explain; ``runs`` as they began.

    Of studies that do not say how long a suggestion was computed, the other such gaps show what is usual.
    """
    gaps: list[tuple[Pause, TrialRun]] = []
    reached = ends[runs[0].key]
    for run in runs[1:]:
        if starts[run.key] > reached:
            gaps.append((Pause(reached, starts[run.key]), run))
        reached = max(reached, ends[run.key])
    pauses: list[Pause] = []
    for gap, run in gaps:
        usual = median([other.seconds for other, _ in gaps if other is not gap] or [0.0])
        # A run that was asked for before, as those that a resume runs again, waited for no suggestion.
        suggested = 0.0 if asked.get(run.key, gap.end) < gap.start else run.suggestion_seconds
        if gap.seconds > PATIENCE + (usual if suggested is None else suggested):
            pauses.append(gap)
    return pauses


def _end(run: TrialRun, otherwise: str) -> str:
    return run.ended or otherwise or run.submitted or ""


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def duration(seconds: float) -> str:
    """With two or three digits, in the unit that people would use."""
    for name, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            count = seconds / length
            return f"{count:.1f} {name}" if count < 100 else f"{count:.0f} {name}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def timeline(record: StudySnapshot, known: Schedule | None = None) -> go.Figure:
    """A strip for each worker: which trial it ran when, and how that ended. Pauses take no room."""
    found = schedule(record) if known is None else known
    if not found.workers:
        return note(NOTHING)
    unit, length = _unit(found.seconds)
    figure = go.Figure()
    for status, color in _COLORS.items():
        stays = [
            (number, stay)
            for number, worker in enumerate(found.workers, start=1)
            for stay in worker
            if stay.run.status is status
        ]
        if stays:
            figure.add_bar(
                orientation="h",
                y=[f"worker {number}" for number, _ in stays],
                base=[found.swept(stay.start) / length for _, stay in stays],
                x=[(stay.end - stay.start) / length for _, stay in stays],
                name=status_text(status),
                marker={"color": color, "line": {"width": 1, "color": "rgba(255,255,255,0.7)"}},
                customdata=[[stay.run.number] for _, stay in stays],
                hovertext=[
                    f"trial {stay.run.label}: {stay.end - stay.start:.1f} s, {status.value.replace('_', ' ')}"
                    for _, stay in stays
                ],
                hoverinfo="text",
            )
    layout(figure, 150 + 34 * len(found.workers))
    if found.pauses:
        line = {"width": 2, "dash": "dash", "color": PINK}
        for pause in found.pauses:
            figure.add_vline(x=found.swept(pause.start) / length, line=line)
        figure.add_scatter(
            x=[found.swept(pause.start) / length for pause in found.pauses],
            y=["worker 1"] * len(found.pauses),
            mode="markers",
            name="pause before a resume",
            marker={"symbol": "line-ns", "size": 14, "line": {"width": 2, "color": PINK}},
            hovertext=[f"nobody swept for {duration(pause.seconds)}" for pause in found.pauses],
            hoverinfo="text",
        )
    figure.update_layout(barmode="overlay", bargap=0.25)
    figure.update_xaxes(
        title_text=f"{unit} since the first trial" + (", without pauses" if found.pauses else ""), rangemode="tozero"
    )
    figure.update_yaxes(autorange="reversed", type="category")
    return figure


def _unit(seconds: float) -> tuple[str, float]:
    for name, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds > 3 * length:
            return name, length
    return "seconds", 1.0
