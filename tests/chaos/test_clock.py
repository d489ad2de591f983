"""A clock that is set while a study runs: nothing waits for it, and nothing is counted wrong."""

import glob
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.conftest import FULL, Tell
from tests.chaos.soundness import assert_sound, runs
from tests.chaos.study import Study, wait_until
from tests.chaos.zygote import Zygote

MakeStudy = Callable[..., Study]

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), None)  # noqa: PTH207

pytestmark = [
    pytest.mark.skipif(LIBRARY is None, reason="libfaketime (Debian: faketime)"),
    pytest.mark.skipif(not FULL, reason="make test-chaos"),
]


@pytest.mark.parametrize("jump", ["-1h", "+1d", "-40d", "+400d"])
def test_clock_that_is_set_during_a_study(jump: str, make_study: MakeStudy, zygote: Zygote, survived: Tell) -> None:
    study = make_study(n_trials=6, n_jobs=2, overrides=("hydra.sweeper.method=random_search", "seconds=1"))
    clock = study.directory / "clock"
    clock.write_text("+0d\n")
    study.environment = {
        "LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        # A clock that is set, or kept by NTP, does not move the monotonic one.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    began = time.monotonic()
    sweeper = study.start()
    with ThreadPoolExecutor(1) as reader:
        output = reader.submit(lambda: sweeper.communicate(timeout=300)[0])
        wait_until(lambda: len(runs(study.journal)) >= 5)
        clock.write_text(f"{jump}\n")
        said = output.result()
    assert sweeper.returncode == 0, said
    assert time.monotonic() - began < 120
    assert "Traceback" not in said
    assert_sound(study)
    study.environment = {}
    study.n_trials = 7
    study.resume(zygote)
    assert_sound(study)
    survived(f"clock set by {jump}", "libfaketime, during a study and before its resume", 1)
