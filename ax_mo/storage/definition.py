"""What makes two studies the same for a resume, and a study with its runs as a database holds it."""

from collections.abc import Mapping
from dataclasses import dataclass

from ax_mo.core.objective import Objective, Scale
from ax_mo.core.objectives import Goals
from ax_mo.core.request import Request
from ax_mo.core.trial import TrialRun
from ax_mo.errors import ConfigError


@dataclass(frozen=True)
class Definition:
    """What a study is about; a resume must agree on ``params`` and ``objectives``."""

    params: Mapping[str, str]
    objectives: Mapping[str, str]
    fixed: tuple[str, ...] = ()

    def check_same(self, now_asked: "Definition") -> None:
        """Raises ConfigError when what a resume asks for is not what the study was started with."""
        for before, after, where in (
            (self.params, now_asked.params, "hydra.sweeper.params"),
            (self.objectives, now_asked.objectives, "hydra.sweeper.objectives"),
        ):
            changes = differences(before, after)
            if changes:
                # Repeats and rungs are described among the params, under their own keys.
                keys = ("hydra.sweeper.repeats", "hydra.sweeper.early_stopping")
                key = next((key for key in keys if changes.keys() == {key}), where)
                raise ConfigError(
                    f"{key} is not what this study was started with:\n"
                    + "\n".join(f"  {line}" for line in changes.values())
                    + "\nResume with the same settings, or start a new study in another hydra.sweep.dir."
                )


@dataclass(frozen=True)
class StoredStudy:
    """All that a database holds of a study."""

    name: str
    sweep_dir: str
    """Where its trials are; empty for a database that is in their directory and moves with them."""
    definition: Definition
    runs: tuple[TrialRun, ...] = ()
    seed: int = 0
    created: str = ""
    about: str = "{}"
    """JSON for those who only read the study; the latest sweeper's."""
    requests: tuple[Request, ...] = ()
    """What its users have asked for and is not done; for those who only read the study."""
    is_swept: bool = False
    """Whether a server says that a sweeper has it at this moment; of a file, its directory's lock tells."""


def described_goals(goals: Goals) -> dict[str, str]:
    """Objectives by their names, and constraints as ``constraint 0``, …, where no objective is called so."""
    objectives = {o.name: _described(o) for o in goals.objectives}
    constraints = {f"constraint {index}": constraint.text for index, constraint in enumerate(goals.constraints)}
    return objectives | constraints | objectives


def _described(objective: Objective) -> str:
    threshold = "" if objective.threshold is None else f", threshold {objective.threshold!r}"
    # Not that it is automatic: studies of earlier versions had none.
    scale = "" if objective.scale is Scale.AUTO else f", scale {objective.scale}"
    return f"{objective.goal}{threshold}{scale}"


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """A line for each key that was added, removed or changed."""
    lines: dict[str, str] = {}
    for key in dict.fromkeys([*before, *after]):
        if key not in after:
            lines[key] = f"- {key}: {before[key]}"
        elif key not in before:
            lines[key] = f"+ {key}: {after[key]}"
        elif before[key] != after[key]:
            lines[key] = f"{key}: was {before[key]}, is now {after[key]}"
    return lines
