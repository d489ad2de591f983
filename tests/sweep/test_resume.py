"""A resume with another scheduler than the one that has the open jobs."""

from pathlib import Path

import pytest

from ax_mo.core.trial import Status
from ax_mo.errors import StudyStopped
from ax_mo.runner.local.elsewhere import declare_lost
from ax_mo.sweep.resume import refuse_jobs_of_another
from ax_mo.trial.files import PID
from tests.cli.test_adopt import DEAD, ELSEWHERE, HERE
from tests.sweep.running import leave_result, running, study_of

SLURM, LOCAL = "slurm://ax_mo/17", "local_cwd://ax_mo/trial-x"


def test_all_that_may_go_on_is_named_with_what_to_do(tmp_path: Path) -> None:
    runs = [running(number=n, handle=SLURM) for n in (1, 2)]
    study = study_of(tmp_path, *runs, running(number=3, handle="ray://ax_mo/x"))
    with pytest.raises(StudyStopped) as caught:
        refuse_jobs_of_another(study, "local_cwd")
    first, second = str(caught.value).splitlines()
    assert "Submitted to the scheduler 'slurm', and not known to have ended: trial 1, 2." in first
    assert "Resume with hydra.launcher.scheduler=slurm, " in first
    assert first.endswith(f"ax-mo adopt {tmp_path} --lost 1 2")
    assert "'ray'" in second
    with pytest.raises(StudyStopped, match=r"hydra/launcher=torchx hydra\.launcher\.scheduler=slurm"):
        refuse_jobs_of_another(study, None)


@pytest.mark.parametrize("text", [HERE, ELSEWHERE])
def test_local_trials_that_may_run_are_not_given_to_a_cluster(tmp_path: Path, text: str) -> None:
    study = study_of(tmp_path, running(handle=LOCAL))
    (tmp_path / "1" / PID).write_text(text)
    with pytest.raises(StudyStopped, match=r"Submitted to the scheduler 'local_cwd'.*: trial 1\."):
        refuse_jobs_of_another(study, "slurm")


def test_run_whose_sweeper_died_while_it_submitted_is_not_given_to_another_scheduler(tmp_path: Path) -> None:
    study = study_of(tmp_path, running(status=Status.ASKED, handle=None))
    study.submitting((1, None), "slurm://")
    with pytest.raises(StudyStopped, match=r"Submitted to the scheduler 'slurm'.*: trial 1\."):
        refuse_jobs_of_another(study, "local_cwd")


def test_process_that_nobody_lived_to_note_is_not_started_on_a_cluster_as_well(tmp_path: Path) -> None:
    study = study_of(tmp_path, running(status=Status.ASKED, handle=None))
    (tmp_path / "1" / PID).write_text(HERE)
    with pytest.raises(StudyStopped, match=r"Submitted to the scheduler 'local_cwd'.*: trial 1\."):
        refuse_jobs_of_another(study, "slurm")


@pytest.mark.parametrize(
    ("handle", "scheduler"), [(SLURM, "slurm"), (LOCAL, "local_cwd"), ("launcher", "slurm"), (None, "local_cwd")]
)
def test_jobs_of_the_same_scheduler_and_those_without_one_are_adopted(
    tmp_path: Path, handle: str | None, scheduler: str
) -> None:
    study = study_of(tmp_path, running(handle=handle))
    (tmp_path / "1" / PID).write_text(HERE)
    refuse_jobs_of_another(study, scheduler)


def test_trials_whose_jobs_are_over_go_on_with_any_scheduler(tmp_path: Path) -> None:
    arrived, lost, dead, cancelled = (
        running(number=n, handle=handle) for n, handle in enumerate([SLURM, SLURM, LOCAL, SLURM])
    )
    study = study_of(tmp_path, arrived, lost, dead, running(number=3, handle=SLURM))
    study.runs[cancelled.key] = running(number=3, handle=SLURM, status=Status.CANCELLED)
    leave_result(tmp_path, arrived, "completed")
    declare_lost(tmp_path / "1", SLURM)
    (tmp_path / "2" / PID).write_text(DEAD)
    refuse_jobs_of_another(study, None)
