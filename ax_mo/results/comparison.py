"""Several studies of the same objectives, measured alike."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ax_mo.core.objective import Objective, Scale
from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import hypervolume, pareto_front, reference_point, undominated
from ax_mo.core.trial import Trial
from ax_mo.errors import AxMoError
from ax_mo.storage.snapshot import StudySnapshot


@dataclass(frozen=True)
class Side:
    """One study in a comparison."""

    label: str
    record: StudySnapshot
    """With the study's own trials alone, and the scales of the comparison."""
    imported: int
    """How many trials of earlier studies it began with, which are not its own progress and do not count here."""
    front: list[Trial]
    hypervolume: float
    joint: frozenset[int]
    """Which of its points are on the front of all studies together."""

    @property
    def ended(self) -> int:
        """How many of the study's own trials have."""
        return sum(trial.status.ended for trial in self.record.trials)

    @property
    def completed(self) -> int:
        """How many of the study's own trials have a result."""
        return sum(trial.status.has_metrics for trial in self.record.trials)


@dataclass(frozen=True)
class Comparison:
    """Several studies, each measured from the same reference point."""

    goals: Goals
    """Their objectives, with the thresholds on which all studies agree, and a log scale where all have one.

    Without constraints, which each has its own.
    """
    reference: dict[str, float]
    """The agreed thresholds; for an objective without, the worst value that any trial of any study has."""
    sides: list[Side]


def compared(labels: Sequence[str], records: Sequence[StudySnapshot]) -> Comparison:
    """Raises AxMoError when the studies do not have the same objectives in the same directions."""
    first = records[0]
    wanted = {o.name: o.goal for o in first.goals.objectives}
    for label, record in zip(labels, records, strict=True):
        theirs = {o.name: o.goal for o in record.goals.objectives}
        if theirs != wanted:
            raise AxMoError(f"The objectives differ: {_listed(wanted)} in {labels[0]}, {_listed(theirs)} in {label}.")
    goals = Goals(tuple(_agreed(o, records) for o in first.goals.objectives))
    imported = [sum(trial.is_imported for trial in record.trials) for record in records]
    records = [_measured_alike(record, goals) for record in records]
    reference = reference_point([trial for record in records for trial in record.trials], goals)
    fronts = [pareto_front(record.trials, record.goals) for record in records]
    joint = {id(trial) for trial in undominated([trial for front in fronts for trial in front], goals)}
    sides = [
        Side(
            label,
            record,
            count,
            front,
            hypervolume(front, goals, reference),
            frozenset(trial.number for trial in front if id(trial) in joint),
        )
        for label, record, count, front in zip(labels, records, imported, fronts, strict=True)
    ]
    return Comparison(goals, reference, sides)


def _agreed(objective: Objective, records: Sequence[StudySnapshot]) -> Objective:
    same = [o for record in records for o in record.goals.objectives if o.name == objective.name]
    thresholds = {o.threshold for o in same}
    return replace(
        objective,
        threshold=thresholds.pop() if len(thresholds) == 1 else None,
        scale=Scale.LOG if all(o.is_log for o in same) else Scale.LINEAR,
    )


def _measured_alike(record: StudySnapshot, goals: Goals) -> StudySnapshot:
    scales = {o.name: o.scale for o in goals.objectives}
    objectives = tuple(replace(o, scale=scales[o.name]) for o in record.goals.objectives)
    own = tuple(trial for trial in record.trials if not trial.is_imported)
    return replace(record, trials=own, goals=replace(record.goals, objectives=objectives))


def _listed(goals: dict[str, str]) -> str:
    return ", ".join(f"{goal} {name}" for name, goal in goals.items())
