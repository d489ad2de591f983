"""``ax-mo adopt`` tells where open trials run, and gives up those that the user says are lost."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from ax_mo.core.trial import Status
from ax_mo.runner.local.elsewhere import declared_lost
from ax_mo.storage.directory_lock import sole_sweeper
from ax_mo.storage.sweep_directory import enter_directory
from ax_mo.trial.files import HEARTBEAT, LOST, PID, RESULT
from tests.cli.conftest import Cli, stored
from tests.support import studies

STAT = Path("/proc/self/stat").read_text().strip()
HERE = (
    f"{STAT}\n{Path('/proc/sys/kernel/hostname').read_text().strip()}\n"
    f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}\n{Path('/proc/self/ns/pid').readlink()}\n"
)
ELSEWHERE = f"{STAT}\ngpu07\nanother\npid:[1]\n"
DEAD = HERE.replace(STAT, f"{STAT.rpartition(')')[0]}) {' '.join(['S', *['1'] * 50])}")
PLACE = f"host gpu07 (pid {os.getpid()})"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A study of seven open trials and one that has ended.

    They are 0: elsewhere, 1: elsewhere and beating, 2: here, 3: dead, 4: of Slurm, 5: with its result, 6: completed,
    7: of another launcher.
    """
    sweep = tmp_path / "sweep"
    handles = [*["local_cwd://ax_mo/x"] * 4, "slurm://ax_mo/17", "local_cwd://ax_mo/x", None, "launcher"]
    point = next(iter(studies.QuasiRandomPoints(studies.FLAT, 1)))
    trials = [
        studies.trial(n, point, status=Status.RUNNING, metrics={}, ended=None, handle=handle, submitted="2026-11-24")
        for n, handle in enumerate(handles)
    ]
    trials[6] = studies.trial(6, point)
    stored(studies.record(sweep, trials))
    for run, text in zip(trials, [ELSEWHERE, ELSEWHERE, HERE, DEAD, ELSEWHERE, DEAD, DEAD, DEAD], strict=True):
        (sweep / run.directory).mkdir(exist_ok=True)
        (sweep / run.directory / PID).write_text(text)
    (sweep / trials[1].directory / HEARTBEAT).touch()
    result = {"schema": 1, "trial": 5, "attempt": 1, "status": "completed", "metrics": {"val_acc": 1.0}}
    (sweep / trials[5].directory / RESULT).write_text(json.dumps(result))
    return sweep


def declared(directory: Path) -> list[str]:
    return sorted(path.parent.name for path in directory.glob(f"*/{LOST}"))


def test_open_trials_are_listed_with_where_they_run(cli: Cli, directory: Path) -> None:
    done = cli("adopt", directory)
    assert done.code == 0
    assert re.sub(r"\d+ s ago", "0 s ago", done.out).splitlines() == [
        f"trial 0: was started on {PLACE}, since 2026-11-24; no sign of life so far",
        f"trial 1: was started on {PLACE}, since 2026-11-24; last sign of life 0 s ago",
        f"trial 2: runs on this machine (pid {os.getpid()}), since 2026-11-24",
        "trial 3: does not run any more, and runs once more in a resume",
        "trial 4: is a job of a scheduler, which tells a resume whether it runs: slurm://ax_mo/17, since 2026-11-24",
        "trial 5: has left its result, which a resume takes",
        "trial 7: was given to the sweep's own launcher, and ends with the sweep",
        f"What was started elsewhere is awaited. For what does not run any more: ax-mo adopt {directory} --lost TRIAL",
    ]
    assert declared(directory) == []


def test_trials_that_are_named_are_given_up(cli: Cli, directory: Path) -> None:
    done = cli("adopt", directory, "--lost", "trial_1")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"Trial 1 counts as lost on {PLACE}.\nA resume runs what is lost once more.\n"
    assert declared(directory) == ["1"]
    assert (directory / "1" / LOST).read_text() == ELSEWHERE


def test_all_that_are_elsewhere_are_given_up_where_none_is_named(cli: Cli, directory: Path) -> None:
    with sole_sweeper(directory):
        done = cli("adopt", directory, "--lost")
    assert done.code == 0
    assert "The sweeper that is running takes note of it" in done.out
    assert declared(directory) == ["0", "1"]


@pytest.mark.parametrize(
    ("trial", "message"),
    [
        ("2", f"Trial 2 runs on this machine (pid {os.getpid()})"),
        ("3", "Trial 3 does not run any more"),
        ("5", "Trial 5 has left its result"),
        ("6", "Trial 6 is not open: completed."),
        ("9", "The study has no trial 9; its trials are 0 to 7."),
        ("x", "'x' is no trial"),
    ],
    ids=["here", "dead", "with a result", "ended", "unknown", "no number"],
)
def test_no_other_trial_is_given_up(cli: Cli, directory: Path, trial: str, message: str) -> None:
    done = cli("adopt", directory, "--lost", "0", trial)
    assert done.code == 1
    assert message in done.err
    assert declared(directory) == [], "nor those that were named beside it"


def test_schedulers_job_is_given_up_only_by_its_number(cli: Cli, directory: Path) -> None:
    assert cli("adopt", directory, "--lost", "4").code == 0
    assert declared(directory) == ["4"]
    assert declared_lost(directory / "4", "slurm://ax_mo/17")


def test_schedulers_job_that_has_not_begun_is_given_up_by_its_handle(cli: Cli, directory: Path) -> None:
    (directory / "4" / PID).unlink()
    done = cli("adopt", directory, "--lost", "4")
    assert done.out.startswith("Trial 4 counts as lost on slurm://ax_mo/17.\n")
    assert declared_lost(directory / "4", "slurm://ax_mo/17")
    assert not declared_lost(directory / "4", "slurm://ax_mo/18"), "another attempt is not given up"


def test_nothing_elsewhere_is_said(cli: Cli, directory: Path) -> None:
    for number in ("0", "1"):
        (directory / number / PID).write_text(HERE)
    done = cli("adopt", directory, "--lost")
    assert (done.code, done.err) == (
        1,
        "ax-mo: No open trial was started on another machine or in another container.\n",
    )


def test_copy_has_no_jobs_of_its_own(cli: Cli, directory: Path, tmp_path: Path) -> None:
    enter_directory(directory)
    copy = shutil.copytree(directory, tmp_path / "copy")
    done = cli("adopt", copy, "--lost")
    assert done.code == 1
    assert f"{copy} is a copy of {directory}, and the jobs of its open trials are that one's." in done.err
    assert declared(copy) == []
