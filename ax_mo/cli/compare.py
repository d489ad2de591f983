"""``compare``: several studies of the same objectives, measured alike."""

from argparse import Namespace
from typing import Any

from ax_mo.cli.shared import new_file, number, say, say_json, study_at, tell
from ax_mo.core.pareto import best_per_objective
from ax_mo.core.trial import Trial
from ax_mo.core.urls import redacted
from ax_mo.errors import AxMoError
from ax_mo.results.comparison import Comparison, Side, compared
from ax_mo.terminal.terminal import table_lines, terminal_width
from ax_mo.terminal.text import MISSES, printable


def compare_command(arguments: Namespace) -> None:
    """Print what several studies have come to, and write it as a page."""
    records = [study_at(source) for source in arguments.sources]
    path = None if arguments.html is None else new_file(arguments.html, force=True)
    comparison = compared([redacted(source) for source in arguments.sources], records)
    if path is not None:
        try:
            from ax_mo.html_report.comparison import write_comparison
        except ImportError as error:
            raise AxMoError(f"The page needs what is not installed: {error}.") from None
        write_comparison(comparison, path)
    if arguments.json:
        say_json(_as_json(comparison))
        return
    _tell(comparison)
    if path is not None:
        say(f"Wrote {path}")


def _tell(comparison: Comparison) -> None:
    names = comparison.goals.names
    width = terminal_width()
    rows = []
    for side in comparison.sides:
        rows.append([
            _label(side.label, width), str(side.ended), str(side.completed), str(len(side.front)),
            str(len(side.joint)), number(side.hypervolume), *(_best_text(side, name) for name in names),
        ])  # fmt: skip
    header = [
        "study", "ended", "completed", "front", "of all", "hypervolume", *(f"best {printable(name)}" for name in names),
    ]  # fmt: skip
    say("\n".join(table_lines(header, rows)))
    point = ", ".join(f"{name}={number(value)}" for name, value in comparison.reference.items())
    decades = f" ({comparison.goals.in_decades})" if comparison.goals.in_decades else ""
    tell(
        f"hypervolume from {point or 'nothing: no trial has a result'}{decades}; of all: points that no trial of any "
        "of these studies dominates"
    )
    for side in comparison.sides:
        if side.imported:
            trials = "1 imported trial" if side.imported == 1 else f"{side.imported} imported trials"
            tell(f"{side.label} began with {trials} of earlier studies, which do not count here")
    constraints = [", ".join(c.text for c in side.record.goals.constraints) for side in comparison.sides]
    if len(set(constraints)) > 1:
        sides = zip(comparison.sides, constraints, strict=True)
        listed = "; ".join(f"{side.label}: {text or 'none'}" for side, text in sides)
        tell(f"each front meets the constraints of its own study ({listed})")
    if any(_misses(side, trial) for side in comparison.sides for trial in _best(side).values()):
        say(f"* {MISSES}")


def _label(label: str, width: int | None) -> str:
    """The end of a long path tells studies apart, and a table for a terminal needs its room."""
    text = printable(label)
    room = len(text) if width is None else max(12, width // 3)
    return text if len(text) <= room else "…" + text[1 - room :]


def _best(side: Side) -> dict[str, Trial]:
    return best_per_objective(side.record.trials, side.record.goals)


def _misses(side: Side, trial: Trial) -> bool:
    return not side.record.goals.meets_thresholds(trial.metrics)


def _best_text(side: Side, name: str) -> str:
    best = _best(side).get(name)
    return "" if best is None else number(best.metrics[name]) + (" *" if _misses(side, best) else "")


def _as_json(comparison: Comparison) -> dict[str, Any]:
    studies = []
    for side in comparison.sides:
        best = _best(side)
        studies.append(
            {
                "source": side.label,
                "study": side.record.name,
                "directory": str(side.record.directory),
                "ended": side.ended,
                "completed": side.completed,
                "imported": side.imported,
                "hypervolume": side.hypervolume,
                "on_joint_front": len(side.joint),
                "best": {name: {"value": t.metrics[name], "trial": t.number} for name, t in best.items()},
                "front": [
                    {"trial": t.number, "values": {name: t.metrics[name] for name in comparison.goals.names}}
                    for t in side.front
                ],
            }
        )
    return {"reference_point": comparison.reference, "studies": studies}
