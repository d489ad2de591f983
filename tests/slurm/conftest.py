"""A real Slurm, and what can be done to it. ``tests/slurm/up.sh`` starts one on a machine that has none."""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Sweep

CONTROLLER_PID = Path("/run/slurm/slurmctld.pid")


def slurm_answers() -> bool:
    try:
        return subprocess.run(["sinfo", "-h"], capture_output=True, timeout=15, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


needs_slurm = pytest.mark.skipif(
    not os.environ.get("AX_MO_TEST_SLURM") and not slurm_answers(), reason="no Slurm answers on this machine"
)
owns_slurm = pytest.mark.skipif(
    not (os.access(CONTROLLER_PID, os.R_OK) and os.geteuid() == 0), reason="this Slurm is not ours to break"
)


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Sweep]:
    """A sweep whose jobs are cancelled in the end, whatever became of it."""
    yield Sweep(tmp_path)
    running = subprocess.run(["squeue", "-h", "-o", "%i %Z"], capture_output=True, text=True, check=False).stdout
    ours = [line.split()[0] for line in running.splitlines() if str(tmp_path) in line]
    if ours:
        subprocess.run(["scancel", *ours], check=False)


def output_of(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def until(what: Callable[[], object], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def started(sweep: Sweep, *trials: int) -> bool:
    return all((sweep.dir / str(trial) / ".pid").exists() for trial in trials)


def job_of(sweep: Sweep, trial: int) -> str:
    """The id of the trial's job that has not ended."""
    lines = output_of("squeue", "-h", "-o", "%i|%j|%Z").splitlines()
    (found,) = [line.split("|")[0] for line in lines if f"-{trial}-a" in line and line.endswith(str(sweep.tmp_path))]
    return found


def runs(journal: Path) -> Counter[str]:
    """How often each trial ran, by what the trials themselves wrote down."""
    return Counter(journal.read_text().split()) if journal.exists() else Counter()


def stop_controller() -> None:
    pid = int(CONTROLLER_PID.read_text())
    os.kill(pid, signal.SIGTERM)
    until(lambda: not Path(f"/proc/{pid}").exists())


def start_controller() -> None:
    subprocess.run([shutil.which("slurmctld") or "/usr/sbin/slurmctld"], check=True)
    until(slurm_answers)
