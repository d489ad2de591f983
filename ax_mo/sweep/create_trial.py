"""How a suggestion becomes a trial: its configuration, its directory, its command. Pure, but for composing."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from ax_mo.core.trial import Status, Suggestion, TrialRun
from ax_mo.hydra_project.command import Program
from ax_mo.hydra_project.hydra_node import number_job
from ax_mo.hydra_project.project import Project


def composed(project: Project, number: int, overrides: Sequence[str]) -> DictConfig:
    """A trial's configuration. Raises Hydra's exceptions."""
    config = project.compose(overrides)
    number_job(config, number)
    return config


def first_attempt(number: int, suggestion: Suggestion, overrides: Sequence[str], subdir: str) -> TrialRun:
    """What a suggestion becomes."""
    return TrialRun(
        number=number,
        status=Status.ASKED,
        point=dict(suggestion.point),
        overrides=tuple(overrides),
        directory=subdir,
        generator=suggestion.generator,
        position=suggestion.position,
        suggestion_seconds=suggestion.seconds,
    )


def command_of(program: Program, run: TrialRun, sweep_dir: Path) -> list[str]:
    """The argv of one run."""
    job_id = f"{run.number}" if run.repeat is None else f"{run.number}.{run.repeat}"
    return program.command(run.overrides, sweep_dir / run.directory, sweep_dir, run.directory, run.number, job_id)
