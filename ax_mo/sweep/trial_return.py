"""What a sweep hands back to Hydra: a JobReturn for each trial, as Hydra's own launchers make them."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from ax_mo.core.trial import Status, Trial
from ax_mo.hydra_project.hydra_node import job_name_of
from ax_mo.hydra_project.project import COMPOSE_ERRORS, without_hydra
from ax_mo.runner.launch import JobFailure
from ax_mo.sweep.create_trial import compose_trial
from ax_mo.sweep.study import Study


class TrialReturn(JobReturn):
    """A JobReturn whose ``cfg`` and ``task_name`` are composed when they are asked for, which hardly anybody does."""

    def __init__(self, compose: Callable[[], DictConfig], **known: Any) -> None:
        self._compose = compose
        super().__init__(**known)

    @cached_property
    def _composed(self) -> tuple[DictConfig | None, str | None]:
        try:
            config = self._compose()
            return without_hydra(config), job_name_of(config)
        except COMPOSE_ERRORS:
            return None, None

    @property
    def cfg(self) -> DictConfig | None:
        return self._composed[0]

    @cfg.setter
    def cfg(self, _: DictConfig | None) -> None:
        pass

    @property
    def task_name(self) -> str | None:
        return self._composed[1]

    @task_name.setter
    def task_name(self, _: str | None) -> None:
        pass


def trial_return(study: Study, trial: Trial) -> JobReturn:
    """That of a trial; of a failed one it raises ``JobFailure`` when it is read."""
    returned = TrialReturn(
        lambda: compose_trial(study.spec.project, trial.number, trial.overrides),
        overrides=list(trial.overrides),
        working_dir=str(study.directory(trial)),
    )
    if trial.status is Status.COMPLETED:
        returned.status, returned.return_value = JobStatus.COMPLETED, dict(trial.metrics)
    else:
        failure = JobFailure(trial.reason or trial.status.value)
        returned.status, returned.return_value = JobStatus.FAILED, failure
    return returned
