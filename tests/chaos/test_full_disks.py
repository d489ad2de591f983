"""A disk that fails or is full, and a process that has no file descriptors left: said clearly, and nothing is lost."""

import csv
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.conftest import FULL, Tell
from tests.chaos.soundness import assert_nothing_runs, assert_sound, points
from tests.chaos.study import Study
from tests.chaos.test_crash_points import RANDOM, check_points
from tests.support.sweeps import Finished

MakeStudy = Callable[..., Study]

PATIENCE = "hydra.sweeper.storage_timeout=2"
"""A database that cannot be written is tried again, for ten minutes by default."""
CLEAR = re.compile(r"Cannot write|cannot be used|Cannot start|Cannot record|No space left|Too many open files")


def assert_clear(ended: Finished) -> None:
    """It went on where it could; otherwise one message says why it ended."""
    assert "Traceback" not in ended.output, ended.output
    clear = ended.returncode == 0 or (ended.returncode == 1 and CLEAR.search(ended.output))
    assert clear, f"{ended.returncode}: {ended.output}"


@pytest.mark.parametrize(
    ("what", "lasting"),
    [
        pytest.param("EIO", False, marks=pytest.mark.skipif(not FULL, reason="make test-chaos")),
        pytest.param("ENOSPC", True),
    ],
)
@pytest.mark.timeout(3600)
def test_disk_fails_at_every_step(
    what: str, lasting: bool, make_study: MakeStudy, undisturbed_of: MakeStudy, survived: Tell
) -> None:
    undisturbed = undisturbed_of()
    steps = undisturbed.taken_steps()
    studies = [make_study() for _ in steps]

    def check(number: int) -> None:
        study = studies[number - 1]
        fault = {"at": number, "what": what, "lasting": lasting}
        assert_clear(study.fork(PATIENCE, fault=fault).finish())
        study.resume()
        assert_sound(study)
        assert points(study) == points(undisturbed)

    times = check_points(check, steps, [len(steps) // 2])
    how = "from each durable step on" if lasting else "at each durable step"
    survived(f"{what}, sweeper, 1 worker", f"raised {how}", times)


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.skipif(not FULL, reason="make test-chaos")
@pytest.mark.timeout(3600)
def test_disk_fails_under_a_trial(
    lasting: bool, make_study: MakeStudy, undisturbed_of: MakeStudy, survived: Tell
) -> None:
    """The trial has failed with the reason, or does not need what it could not write; the study goes on."""
    steps = undisturbed_of().taken_steps(of_trial=True)
    studies = [make_study(overrides=(*RANDOM, "hydra.sweeper.max_failure_rate=1.0")) for _ in steps]

    def check(number: int) -> None:
        study = studies[number - 1]
        fault = {"at": number, "what": "EIO", "lasting": lasting}
        ended = study.fork(**study.fault_of_a_trial(fault)).finish()
        assert ended.returncode == 0, ended.output
        failed = failures(study)
        assert set(failed) <= {0} and all(failed.values())
        assert_sound(study, failed=failed)

    times = check_points(check, steps, ())
    how = "from each step of the trial on" if lasting else "at each step of the trial"
    survived("EIO, trial, 1 worker", f"raised {how}", times)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[Path, int], None]]:
    """Makes a directory a disk of so many KiB, or gives that disk another size."""
    mounted: list[Path] = []

    def resize(path: Path, size: int) -> None:
        how = f"remount,size={size}k" if path in mounted else f"size={size}k"
        path.mkdir(exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", how, "ax_mo", str(path)], capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("only root can mount a small disk")
        if path not in mounted:
            mounted.append(path)

    yield resize
    for path in mounted:
        subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.mark.timeout(3600)
def test_disk_that_is_full_at_any_size(
    make_study: MakeStudy, small_disk: Callable[[Path, int], None], survived: Tell
) -> None:
    """Trials find the disk full as well: those that cannot leave a result have failed."""
    sizes = range(8, 260, 8) if FULL else [116]
    for size in sizes:
        study = make_study(
            n_trials=3, overrides=("hydra.sweeper.method=random_search", "hydra.sweeper.max_failure_rate=1.0")
        )
        small_disk(study.sweep_dir, size)
        assert_clear(study.fork(PATIENCE).finish())
        small_disk(study.sweep_dir, 16 * 1024)
        assert_nothing_runs(study, 60)
        study.resume()
        failed = failures(study)
        assert all(failed.values()), failed
        assert_sound(study, failed=failed, unrecorded=range(3))
    survived("disk full, 1 worker", "a tmpfs of 8 to 256 KiB", len(sizes))


def failures(study: Study) -> dict[int, str]:
    with (study.sweep_dir / "trials.csv").open(newline="") as file:
        return {int(row["trial"]): row["reason"] for row in csv.DictReader(file) if row["status"] == "failed"}


@pytest.mark.timeout(3600)
def test_file_descriptors_run_out(make_study: MakeStudy, survived: Tell) -> None:
    """From 9 to 12 it is the shell of each trial that has too few: all trials fail, with its words."""
    too_few, enough = (range(4, 9), range(13, 24)) if FULL else (range(6, 7), range(0))
    for limit in (*too_few, *enough):
        study = make_study(n_jobs=2, n_trials=3)
        ended = study.fork(PATIENCE, descriptors=limit).finish()
        assert_clear(ended)
        assert (ended.returncode == 0) == (limit in enough)
        study.resume()
        assert_sound(study)
    times = len(too_few) + len(enough)
    survived("too few file descriptors, 2 workers", "RLIMIT_NOFILE of 4 to 23", times)
