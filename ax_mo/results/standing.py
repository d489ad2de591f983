"""Where the trials of a study stand: how many in which state, and how many meet each constraint and threshold."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ax_mo.core.objectives import Goals
from ax_mo.core.trial import SOBOL_ERROR, SOBOL_TIMEOUT, Status, Trial
from ax_mo.storage.snapshot import StudySnapshot

_WORDS = {Status.EARLY_STOPPED: "stopped early", Status.ASKED: "about to start"}


def status_text(status: Status) -> str:
    """A status in words."""
    return _WORDS.get(status, status.value)


def is_unfinished(trial: Trial, is_running: bool) -> bool:
    """Whether a sweeper which is gone has left the trial; ``is_running`` says whether anybody sweeps."""
    return trial.status in (Status.ASKED, Status.RUNNING) and not is_running


def standing(trial: Trial, is_running: bool) -> str:
    """Where a trial stands, in words; ``is_running`` is as in ``is_unfinished``."""
    return "unfinished" if is_unfinished(trial, is_running) else status_text(trial.status)


def unfinished(record: StudySnapshot) -> list[Trial]:
    """The trials that a sweeper which is gone has left."""
    return [trial for trial in record.trials if is_unfinished(trial, record.is_running)]


def standings(record: StudySnapshot) -> str:
    """How many trials stand where, those that have ended first; empty without trials."""
    counts: Counter[str] = Counter()
    for trial in sorted(record.trials, key=lambda trial: (not trial.status.ended, list(Status).index(trial.status))):
        is_pending = trial.is_pending and not is_unfinished(trial, record.is_running)
        counts["pending" if is_pending else standing(trial, record.is_running)] += 1
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def budgets(trials: Iterable[Trial]) -> dict[str, dict[int, int]]:
    """By the key of the budget, how many trials have come to which and no further; empty without rungs."""
    counts: dict[str, Counter[int]] = {}
    for trial in trials:
        for rung in trial.rungs[-1:]:
            counts.setdefault(rung.budget.key, Counter())[rung.budget.value] += 1
    return {key: dict(sorted(of_key.items())) for key, of_key in counts.items()}


def budgets_text(trials: Iterable[Trial]) -> str:
    """The same in words: ``trainer.max_epochs=1: 40 trials, 3: 9 trials``; empty without rungs."""
    return "; ".join(
        f"{key}=" + ", ".join(f"{budget}: {count} trial{'s' * (count != 1)}" for budget, count in of_key.items())
        for key, of_key in budgets(trials).items()
    )


def in_place_of_model(trials: Iterable[Trial]) -> str | None:
    """How many trials ran quasi-random points in place of the model's, and why; None where none did."""
    counts = Counter(trial.generator for trial in trials)
    late, failed = counts[SOBOL_TIMEOUT], counts[SOBOL_ERROR]
    if not late + failed:
        return None
    why = [f"{late} as it took longer than suggestion_timeout"] if late else []
    why += [f"{failed} as it failed"] if failed else []
    ran = (
        "1 trial ran a quasi-random point" if late + failed == 1 else f"{late + failed} trials ran quasi-random points"
    )
    return f"{ran} in place of the model's: {', '.join(why)}"


@dataclass(frozen=True)
class Limit:
    """A constraint or threshold, and how many of the trials with a result meet it."""

    text: str
    kind: str
    met: int
    of: int


def limits(trials: Sequence[Trial], goals: Goals) -> list[Limit]:
    """Each limit of the study, and where there are several, all of them together."""
    known = _known(trials, goals)
    found = [
        Limit(constraint.text, "constraint", sum(constraint.holds(metrics) for metrics in known), len(known))
        for constraint in goals.constraints
    ]
    for o in goals.objectives:
        if o.threshold is not None:
            met = sum(not o.misses(metrics[o.name]) for metrics in known)
            found.append(Limit(o.limit, "threshold", met, len(known)))
    if len(found) > 1:
        met = sum(goals.feasible(metrics) and goals.meets_thresholds(metrics) for metrics in known)
        found.append(Limit("all of them", "", met, len(known)))
    return found


def counted(trials: Sequence[Trial]) -> str:
    """What trials with a result are, in words."""
    return "completed and imported" if any(trial.status is Status.IMPORTED for trial in trials) else "completed"


def none_feasible(trials: Sequence[Trial], goals: Goals) -> str | None:
    """What to say where no trial with a result meets all constraints; None where one does, or none has a result."""
    constraints = [limit for limit in limits(trials, goals) if limit.kind == "constraint"]
    known = _known(trials, goals)
    if not constraints or not known or any(map(goals.feasible, known)):
        return None
    of = f"none of the {len(known)} {counted(trials)} trials" if len(known) > 1 else "the only trial with a result"
    meets = "meets" if len(known) > 1 else "does not meet"
    if len(constraints) == 1:
        return f"{of} {meets} the constraint '{constraints[0].text}'"
    listed = ", ".join(f"'{limit.text}' is met by {limit.met}" for limit in constraints)
    return f"{of} {meets} all constraints: {listed}"


def scale_notices(before: Goals, now: Goals, trials: Iterable[Trial]) -> list[str]:
    """What is to be said of objectives that had another scale ``before``; ``trials`` are those of the study."""
    lines: list[str] = []
    for old, new in zip(before.objectives, now.objectives, strict=True):
        where = f"hydra.sweeper.objectives.{new.name}"
        if new.is_log and not old.is_log:
            lines.append(
                f"{where}: the values span two decades, so that the model and the hypervolume take their log10 "
                f"from now on; with scale: linear they do not."
            )
        elif old.is_log and not new.is_log:
            known = [t for t in trials if t.status.teaches and new.name in t.metrics]
            cause = min((t for t in known if not old.scale.has(t.metrics[new.name])), key=lambda trial: trial.number)
            lines.append(
                f"{where}: a log scale is for values above zero, and {new.name}={cause.metrics[new.name]:g} in trial "
                f"{cause.label}. The model and the hypervolume take all of them as they are."
            )
    return lines


def _known(trials: Sequence[Trial], goals: Goals) -> list[Mapping[str, float]]:
    return [t.metrics for t in trials if t.status.has_metrics and all(name in t.metrics for name in goals.required)]
