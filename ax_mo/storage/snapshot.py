"""A study as those see it who only read: from its sweep directory or its database, also while it runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from hydra.errors import HydraException

from ax_mo.core.failures import FailurePolicy, in_order_of_end, uncounted
from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.core.repeats import aggregate_trials
from ax_mo.core.request import Request
from ax_mo.core.stop_reason import StopKind, StopReason
from ax_mo.core.trial import Status, Trial, TrialRun
from ax_mo.errors import AxMoError
from ax_mo.hydra_project.program import Program
from ax_mo.hydra_project.saved import saved_sweep
from ax_mo.search_space.space import SearchSpace, space_as_json, space_from_json
from ax_mo.storage.definition import StoredStudy
from ax_mo.storage.directory_lock import is_held
from ax_mo.storage.location import locate
from ax_mo.trial.curve import CurvePoint, read_curve

# What makes a study go on that has ended so.
_WAYS_ON = {
    None: "go on, with more n_trials",
    StopKind.TIMEOUT: "go on",
    StopKind.STALL: "go on, with another stop_when",
    StopKind.EXHAUSTED: None,
}


class StudyState(StrEnum):
    """Whether anybody works on a study, in the words for people."""

    RUNNING = "running"
    ENDED = "ended"
    """All of its trials have, ``n_trials`` of them, or as many as its own rules let it have."""
    NOT_RUNNING = "not running"
    """There is more to do, and nobody does it."""


@dataclass(frozen=True)
class StudySnapshot:
    """Everything that is known of a study at one moment. Nothing here changes it or holds it up."""

    name: str
    directory: Path
    """Where its trials' directories are."""
    space: SearchSpace
    goals: Goals
    """Each objective with the scale that it has by now, linear or logarithmic."""
    seed: int
    created: str
    """ISO 8601, UTC."""
    trials: tuple[Trial, ...]
    """By number; imported ones first, with negative numbers. A repeated trial has the means of its runs."""
    runs: tuple[TrialRun, ...]
    """What jobs are made of; without repeats, the trials themselves."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the latest sweeper was asked for, by its names under ``hydra.sweeper``: n_trials, n_jobs, method, ..."""
    stop_reason: StopReason | None = None
    """Why the latest sweeper ended before ``n_trials``, where it was by the study's own rules."""
    is_running: bool = False
    """Whether a sweeper held the directory, or the study on its server, when the trials were read."""
    program: Program | None = None
    """What was swept; None where it cannot be started again."""
    requests: tuple[Request, ...] = ()
    """What its users have asked for and is not done."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "goals", self.goals.settled(self.trials))

    @property
    def n_trials(self) -> int | None:
        """How many it is to have, imported ones apart."""
        given = self.settings.get("n_trials")
        return given if isinstance(given, int) else None

    @property
    def uncounted(self) -> frozenset[int]:
        """The trials that are none of the ``n_trials``: one broken environment has failed them all."""
        given = self.settings
        # Earlier versions, which do not say, counted them all.
        policy = FailurePolicy(given.get("max_failure_rate", 0.5), given.get("max_same_failures", 0))
        return uncounted(in_order_of_end(self.trials), policy)

    @property
    def way_on(self) -> str | None:
        """What the ``resume`` command would take to do more, in words; None where nothing would."""
        if self.state is not StudyState.ENDED:
            return "resume with"
        return _WAYS_ON[None if self.stop_reason is None else self.stop_reason.kind]

    @property
    def state(self) -> StudyState:
        """Whether anybody works on it, or something is left to do."""
        if self.is_running:
            return StudyState.RUNNING
        own = [trial for trial in self.trials if not trial.is_imported]
        counted = len(own) - len(self.uncounted)
        all_there = self.n_trials is None or counted >= self.n_trials or self.stop_reason is not None
        return StudyState.ENDED if all_there and all(t.status.ended for t in own) else StudyState.NOT_RUNNING

    def curve_of(self, trial: Trial) -> tuple[CurvePoint, ...]:
        """The learning curve of a trial that has ended, as it is read from its directory."""
        return curve_of(self.directory, trial)


def curve_of(sweep_dir: Path, trial: Trial) -> tuple[CurvePoint, ...]:
    """The learning curve of a trial that has ended; repeated trials have several, and none here.

    That of a trial that trained in rungs is put together: a rung that went on from a checkpoint has reported the rest.
    """
    if trial.status not in (Status.COMPLETED, Status.EARLY_STOPPED):
        return ()
    points: list[CurvePoint] = []
    for directory in [rung.directory for rung in trial.rungs] or [trial.directory]:
        if more := read_curve(sweep_dir / directory).points:
            points = [*(point for point in points if point.step < more[0].step), *more]
    return tuple(points)


def describe_study(
    space: SearchSpace,
    goals: Goals,
    settings: Mapping[str, Any],
    program: Program | None = None,
    stop_reason: StopReason | None = None,
) -> dict[str, Any]:
    """What a sweeper leaves in the study's database for its readers, as JSON."""
    return {
        "space": space_as_json(space),
        "objectives": goals.as_json(),
        "constraints": [constraint.text for constraint in goals.constraints],
        "settings": dict(settings),
        "program": None if program is None else program.as_json(),
        "ending": None if stop_reason is None else stop_reason.as_json(),
    }


def read_snapshot(source: str | Path) -> StudySnapshot:
    """Read a study: ``source`` is its sweep directory, or ``<SQLAlchemy URL>/<study name>``.

    Raises AxMoError when there is none, or it cannot be read.
    """
    found = locate(str(source))
    # A sweeper that ends while its study is read has written its last rows before it lets go of the directory.
    free = found.directory is not None and not is_held(found.directory)
    study = found.the_study()
    directory = found.place_of(study)
    if not (is_held(directory) or (free and directory == found.directory)):
        study = found.the_study()
    return snapshot_of(study, directory, is_held(directory) or study.is_swept)


def snapshot_of(study: StoredStudy, directory: Path, is_running: bool = False) -> StudySnapshot:
    """``directory`` is where the trials are now, which the study itself may not know. Raises AxMoError."""
    try:
        known = json.loads(study.about)
        space = space_from_json(known["space"])
        goals = parse_goals(known["objectives"], None, known["constraints"])
        settings, stop_reason = known["settings"], StopReason.from_json(known.get("ending"))
        program = _program(known, directory)
    except (ValueError, KeyError, TypeError, AttributeError, HydraException) as error:
        raise AxMoError(f"The study '{study.name}' has no readable description: {error!r}.") from None
    trials = sorted(aggregate_trials(study.runs), key=lambda trial: trial.number)
    return StudySnapshot(
        study.name, directory, space, goals, study.seed, study.created, tuple(trials), study.runs, settings,
        stop_reason, is_running, program, study.requests,
    )  # fmt: skip


def _program(known: Mapping[str, Any], directory: Path) -> Program | None:
    """How the study's program is started; of one of an earlier version, as far as its lines for the shell say."""
    if known.get("program") and "typed" in known["program"]:
        return Program.from_json(known["program"])
    lines = known.get("commands") or {}
    if "pareto" not in lines:
        return None
    try:
        place = saved_sweep(directory).cwd
    except AxMoError:
        place = Path()
    return Program.from_lines(lines["pareto"], lines["resume"], place)
