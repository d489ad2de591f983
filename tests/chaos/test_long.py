"""A long study needs no more memory, file descriptors or processes at its end than at its begin."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.conftest import FULL, Tell
from tests.chaos.soundness import assert_sound, descriptors, runs
from tests.chaos.study import Study

MakeStudy = Callable[..., Study]

TRIALS = int(os.environ.get("AX_MO_TEST_CHAOS_TRIALS", "1000"))


@pytest.mark.skipif(not FULL, reason="make test-chaos")
@pytest.mark.timeout(4 * 3600)
def test_a_thousand_short_trials(make_study: MakeStudy, survived: Tell) -> None:
    study = make_study(n_trials=TRIALS, n_jobs=8, overrides=("hydra.sweeper.method=random_search", "seconds=0.05"))
    with (study.directory / "output").open("w") as output:
        sweeper = study.start(output=output)
        seen: list[tuple[int, int, int, int, int]] = []
        while sweeper.poll() is None:
            time.sleep(1)
            seen += _looked_at(sweeper.pid, study)
    assert sweeper.returncode == 0, (study.directory / "output").read_text()[-5000:]
    assert_sound(study)
    early, late = _at(seen, 0.2), _at(seen, 0.95)
    print("ended trials, MiB, threads, descriptors, zombies:", early, late)
    assert late[1] < early[1] + 100
    assert late[2] <= early[2] + 2
    assert late[3] <= early[3] + 20
    assert max(look[4] for look in seen) <= 16
    survived("a long study", f"{TRIALS} trials of 50 ms, 8 workers: {early[1]} -> {late[1]} MiB", 1)


def _looked_at(pid: int, study: Study) -> list[tuple[int, int, int, int, int]]:
    """Ended trials, resident MiB, threads, descriptors and zombies; nothing of a process that has just ended."""
    try:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        zombies = sum(")" + " Z" in Path(f"/proc/{child}/stat").read_text() for child in children)
        ended = sum(what == "end" for what, *_ in runs(study.journal))
        return [(ended, int(status["VmRSS"].split()[0]) // 1024, int(status["Threads"]), descriptors(pid), zombies)]
    except (OSError, KeyError):
        return []


def _at(seen: list[tuple[int, int, int, int, int]], share: float) -> tuple[int, int, int, int, int]:
    return next(look for look in seen if look[0] >= share * TRIALS)
