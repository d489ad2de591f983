"""A real Slurm, and what can be done to it. ``tests/slurm/up.sh`` starts one on a machine that has none."""

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ax_mo.runner.job import job_name
from ax_mo.storage.sweep_directory import IDENTITY
from tests.support.sweeps import Sweep
from tests.support.waiting import wait_until

TOY = Path(__file__).parent / "toy" / "slurm.sh"
CONTROLLER_PID = Path("/run/slurm/slurmctld.pid")


def slurm_answers() -> bool:
    try:
        return subprocess.run(["sinfo", "-h"], capture_output=True, timeout=15, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


at_length = pytest.mark.skipif(not os.environ.get("AX_MO_TEST_SLURM"), reason="make test-slurm")
"""For what needs a real Slurm, and for what outlasts its worth: ``make test`` runs a share of it with the stand-in."""
owns_slurm = pytest.mark.skipif(
    not (os.access(CONTROLLER_PID, os.R_OK) and os.geteuid() == 0), reason="this Slurm is not ours to break"
)


@pytest.fixture(params=["stand-in", pytest.param("real", marks=at_length)])
def any_slurm(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both the real Slurm and, for machines that have none, shell scripts that answer as it does."""
    if request.param == "stand-in":
        stand_in(tmp_path, monkeypatch)


@pytest.fixture
def toy_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in alone; returns its directory, where files make it do what a real one does not at will."""
    return stand_in(tmp_path, monkeypatch)


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    commands, jobs = tmp_path / "toy", tmp_path / "jobs"
    commands.mkdir()
    jobs.mkdir()
    for name in ("sinfo", "squeue", "sacct", "scancel", "sbatch", "srun"):
        (commands / name).symlink_to(TOY)
    monkeypatch.setenv("TOY_SLURM", str(jobs))
    monkeypatch.setenv("PATH", str(commands), prepend=":")
    return jobs


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Sweep]:
    """A sweep whose jobs are cancelled in the end, whatever became of it."""
    yield Sweep(tmp_path)
    if shutil.which("squeue"):
        running = subprocess.run(["squeue", "-h", "-o", "%i %Z"], capture_output=True, text=True, check=False).stdout
        ours = [line.split()[0] for line in running.splitlines() if str(tmp_path) in line]
        if ours:
            subprocess.run(["scancel", *ours], check=False)


def output_of(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def job_of(sweep: Sweep, trial: int) -> str:
    """The id of the trial's job that has not ended."""
    token = json.loads((sweep.dir / IDENTITY).read_text())["token"]
    listed = output_of("squeue", "-h", "-t", "all", "--name", f"{job_name(token, trial)}-0", "-o", "%i|%T").splitlines()
    (found,) = [line.split("|")[0] for line in listed if line.endswith(("|RUNNING", "|PENDING"))]
    return found


def runs(journal: Path) -> Counter[str]:
    """How often each trial ran, by what the trials themselves wrote down."""
    return Counter(journal.read_text().split()) if journal.exists() else Counter()


def stop_controller() -> None:
    pid = int(CONTROLLER_PID.read_text())
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def start_controller() -> None:
    subprocess.run([shutil.which("slurmctld") or "/usr/sbin/slurmctld"], check=True)
    wait_until(slurm_answers)
