"""Sweepers that are killed at any moment, again and again, and sweepers that race for one directory."""

import os
import random
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.chaos.conftest import FULL, Tell
from tests.chaos.soundness import assert_sound
from tests.chaos.study import Study

MakeStudy = Callable[..., Study]

SEED = int(os.environ.get("AX_MO_TEST_CHAOS_SEED", random.randrange(10**6)))
KILLS = 50
RACES = 30 if FULL else 1

full = pytest.mark.skipif(not FULL, reason="make test-chaos")  # tests/end_to_end/test_resume.py has its like


@full
@pytest.mark.timeout(3600)
def test_study_whose_sweeper_is_killed_again_and_again_ends_soundly(make_study: MakeStudy, survived: Tell) -> None:
    """Forked sweepers: they are ready within half a second, so that most kills hit a study at its work."""
    print(f"AX_MO_TEST_CHAOS_SEED={SEED}")
    dice = random.Random(SEED)
    kills = 0
    while kills < KILLS:
        study = make_study(n_trials=6, n_jobs=2, overrides=("hydra.sweeper.method=random_search", "seconds=0.2"))
        while kills < KILLS:
            sweeper = study.fork()
            time.sleep(dice.uniform(0.0, 4.0))
            sweeper.kill()
            ended = sweeper.finish()
            if ended.returncode == 0:
                break
            assert ended.returncode == -9, ended.output
            kills += 1
        study.resume()
        assert_sound(study)
    survived("sweeper killed, 2 workers", "SIGKILL at a random moment", KILLS)


@full
@pytest.mark.timeout(1800)
def test_real_sweepers_are_killed_at_random(make_study: MakeStudy, survived: Tell) -> None:
    print(f"AX_MO_TEST_CHAOS_SEED={SEED}")
    dice = random.Random(SEED)
    kills = 12
    study = make_study(n_trials=3 * kills, n_jobs=2, overrides=("hydra.sweeper.method=random_search", "seconds=0.5"))
    for _ in range(kills):
        sweeper = study.start()
        with suppress(subprocess.TimeoutExpired):  # on a fast machine the study has ended by then
            sweeper.communicate(timeout=dice.uniform(0.5, 12))
        sweeper.kill()
        sweeper.communicate()
    sweeper = study.start()
    output, _ = sweeper.communicate(timeout=300)
    assert sweeper.returncode == 0, output
    assert_sound(study)
    survived("sweeper killed, 2 workers, a process of its own", "SIGKILL at a random moment", kills)


@full
@pytest.mark.timeout(1800)
def test_one_of_two_sweepers_that_race_for_a_directory_is_refused(make_study: MakeStudy, survived: Tell) -> None:
    for race in range(RACES):
        study = make_study(overrides=("hydra.sweeper.method=random_search", "seconds=1"))
        both = [study.fork(), study.fork()]
        first, second = sorted((sweeper.finish() for sweeper in both), key=lambda ended: ended.returncode)
        assert (first.returncode, second.returncode) == (0, 1), f"race {race}: {first.output} {second.output}"
        assert f"Another sweeper is running in {study.sweep_dir}: pid" in second.output, second.output
        assert "Traceback" not in second.output
        assert_sound(study)
    survived("two sweepers race for one directory", "started at the same moment", RACES)


@full
@pytest.mark.timeout(1800)
def test_second_sweeper_takes_over_from_a_killed_first(make_study: MakeStudy, survived: Tell) -> None:
    dice = random.Random(SEED)
    for _ in range(RACES):
        study = make_study(n_trials=3, overrides=("hydra.sweeper.method=random_search", "seconds=0.5"))
        first = study.fork()
        time.sleep(dice.uniform(1.0, 3.0))
        first.kill()
        study.resume()  # at once: the kernel has let go of the lock
        assert first.finish().returncode == -9
        assert_sound(study)
    survived("a second sweeper takes over", "SIGKILL to the first at a random moment", RACES)
