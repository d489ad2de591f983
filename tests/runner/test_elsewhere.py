"""Jobs of other machines are unknown until their heartbeat, or the user, says that they are lost."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ax_mo.core.process import identity
from ax_mo.runner.job import Cause, Job, JobState, Phase
from ax_mo.runner.local.elsewhere import Elsewhere, declare_lost, out_of_reach, silence
from ax_mo.runner.local.local_scheduler import LocalScheduler
from ax_mo.runner.settings import LauncherSettings
from ax_mo.trial.files import HEARTBEAT, PID

STAT = Path("/proc/self/stat").read_text().strip()
BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
HOST = Path("/proc/sys/kernel/hostname").read_text().strip()


def started(directory: Path, host: str = "gpu07", boot: str = "another") -> None:
    """As if this very process had been a job started there: its pid is alive here."""
    (directory / PID).write_text(f"{STAT}\n{host}\n{boot}\npid:[4026531836]\n")


def beat(directory: Path, seconds_ago: float) -> None:
    (directory / HEARTBEAT).touch()
    moment = (directory / HEARTBEAT).stat().st_mtime - seconds_ago
    os.utime(directory / HEARTBEAT, (moment, moment))


@pytest.fixture
def look(tmp_path: Path) -> Callable[[], JobState]:
    """What a sweeper sees of the job in ``tmp_path``, at its first look."""
    job = Job("local_cwd://ax_mo/trial-1", tmp_path)
    return lambda: LocalScheduler(LauncherSettings()).states([job])[0]


def test_job_of_another_machine_stays_unknown(look: Callable[[], JobState], tmp_path: Path) -> None:
    started(tmp_path)
    assert look() == JobState(Phase.UNKNOWN, place=f"host gpu07 (pid {os.getpid()})")
    beat(tmp_path, 500.0)
    assert look().phase is Phase.UNKNOWN


def test_job_of_another_machine_that_is_silent_is_lost(look: Callable[[], JobState], tmp_path: Path) -> None:
    started(tmp_path)
    beat(tmp_path, 700.0)
    state = look()
    assert (state.phase, state.cause, state.exit_code) == (Phase.ENDED, Cause.LOST, None)
    assert state.message == f"was lost on host gpu07 (pid {os.getpid()}): no sign of life for 700 s"


def test_job_that_the_user_declares_lost_is_lost_and_its_next_attempt_is_not(
    look: Callable[[], JobState], tmp_path: Path
) -> None:
    started(tmp_path)
    declare_lost(tmp_path)
    assert look().cause is Cause.LOST
    started(tmp_path, host="gpu08")
    assert look().phase is Phase.UNKNOWN


def test_job_from_before_a_reboot_is_dead_unless_it_beats_since(look: Callable[[], JobState], tmp_path: Path) -> None:
    started(tmp_path, host=HOST, boot="the one before")
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert look().phase is Phase.ENDED
    beat(tmp_path, uptime + 60.0)
    assert look().phase is Phase.ENDED
    beat(tmp_path, uptime - 1.0 if uptime < 60.0 else 30.0)
    assert look().phase is Phase.UNKNOWN, "another machine of that name"


def test_job_of_this_machine_is_not_out_of_reach_however_silent(tmp_path: Path) -> None:
    (tmp_path / PID).write_text(f"{STAT}\n{HOST}\n{BOOT}\n{Path('/proc/self/ns/pid').readlink()}\n")
    beat(tmp_path, 10_000.0)
    process = identity(tmp_path)
    assert process is not None
    assert not out_of_reach(tmp_path, process)


def test_cancelling_a_job_of_another_machine_ends_nobody_here(tmp_path: Path) -> None:
    started(tmp_path)
    jobs = LocalScheduler(LauncherSettings())
    jobs.cancel([Job("local_cwd://ax_mo/trial-1", tmp_path)])  # would end this process
    jobs.close()


def test_silence_is_measured_by_the_clock_of_the_file_system(tmp_path: Path) -> None:
    assert silence(tmp_path) is None
    beat(tmp_path, 60.0)
    measured = silence(tmp_path)
    assert measured is not None and 59.0 < measured < 90.0
    beat(tmp_path, -3600.0)  # a clock that was set back is no silence
    assert silence(tmp_path) == 0.0
    assert [path.name for path in tmp_path.iterdir()] == [HEARTBEAT]


def test_directory_is_looked_at_every_two_seconds(tmp_path: Path) -> None:
    started(tmp_path)
    process = identity(tmp_path)
    assert process is not None
    moment = 0.0
    elsewhere = Elsewhere(600.0, lambda: moment)
    assert elsewhere.state(tmp_path, process).phase is Phase.UNKNOWN
    declare_lost(tmp_path)
    moment = 1.9
    assert elsewhere.state(tmp_path, process).phase is Phase.UNKNOWN
    moment = 2.0
    assert elsewhere.state(tmp_path, process).phase is Phase.ENDED
