"""A clock that is set while a study runs: nothing waits for it, and nothing is counted wrong."""

import csv
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.chaos.conftest import FULL, Tell
from tests.chaos.soundness import assert_sound, runs
from tests.chaos.study import Study
from tests.support.fork_server import FAULTS
from tests.support.waiting import wait_until

MakeStudy = Callable[..., Study]

COMPILER = shutil.which("cc") or shutil.which("gcc")
HOUR, DAY = 3600, 24 * 3600

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="a C compiler"),
    pytest.mark.skipif(not FULL, reason="make test-chaos"),
]


@pytest.fixture(scope="module")
def clock_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    assert COMPILER is not None
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O2", "-o", library, FAULTS / "clock.c", "-ldl"], check=True)
    return library


@pytest.mark.parametrize("seconds", [-HOUR, DAY, -40 * DAY, 400 * DAY])
def test_clock_that_is_set_during_a_study(
    seconds: int, make_study: MakeStudy, clock_library: Path, survived: Tell
) -> None:
    study = make_study(n_trials=6, n_jobs=2, overrides=("hydra.sweeper.method=random_search", "seconds=1"))
    clock = study.directory / "clock"
    clock.write_text("0")
    study.environment = {"LD_PRELOAD": str(clock_library), "AX_MO_CHAOS_CLOCK": str(clock)}
    sweeper = study.start()
    with ThreadPoolExecutor(1) as reader:
        output = reader.submit(lambda: sweeper.communicate(timeout=300)[0])
        wait_until(lambda: len(runs(study.journal)) >= 5, 120)
        clock.write_text(str(seconds))
        said = output.result()
    assert sweeper.returncode == 0, said
    assert "Traceback" not in said
    assert_sound(study)
    with (study.sweep_dir / "trials.csv").open(newline="") as file:
        asked = sorted(row["asked"] for row in csv.DictReader(file))
    now = time.strftime("%Y-%m-%d", time.gmtime())
    assert abs(seconds) < DAY or not asked[0].startswith(now) or not asked[-1].startswith(now), "the clock was set"
    study.environment = {}  # back to the true time, for a resume
    study.n_trials = 7
    study.resume()
    assert_sound(study)
    survived(f"clock set by {seconds / HOUR:g} h", "during a study, and back before its resume", 1)
