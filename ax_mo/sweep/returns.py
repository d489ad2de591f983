"""What a sweep hands back to Hydra: a ``JobReturn`` for each trial, as any other sweeper does."""

from hydra.core.utils import JobReturn, JobStatus

from ax_mo.core.trial import Status, Trial
from ax_mo.runner.launch import JobFailure
from ax_mo.sweep.study import Study


def job_returns(study: Study) -> list[JobReturn]:
    """One for each trial of this study, in order; a failed one raises its reason as ``JobFailure`` when it is read.

    Those of trials that an earlier sweeper has composed are without ``cfg`` and ``task_name``.
    """
    return [_job_return(study, study.trials[number]) for number in sorted(study.trials) if number >= 0]


def _job_return(study: Study, trial: Trial) -> JobReturn:
    returned = JobReturn(overrides=list(trial.overrides), working_dir=str(study.directory(trial)))
    composed = study.creator.composed.get(trial.number)
    if composed is not None:
        returned.cfg = composed.config
        returned.task_name = composed.name
    if trial.status is Status.COMPLETED:
        returned.status = JobStatus.COMPLETED
        returned.return_value = dict(trial.metrics)
    else:
        returned.status = JobStatus.FAILED
        returned.return_value = JobFailure(trial.reason or trial.status.value)
    return returned
