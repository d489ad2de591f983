"""A process that is killed at any one of its durable steps loses nothing, and nothing runs twice."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.chaos.conftest import FULL, Tell
from tests.chaos.soundness import assert_sound, points, runs
from tests.chaos.study import Study
from tests.support.waiting import wait_until

MakeStudy = Callable[..., Study]

RANDOM = ("hydra.sweeper.method=random_search",)
MODEL = ("hydra.sweeper.n_startup_trials=2",)
AT_ONCE = 2
"""Studies that run at the same time; the machine has few processors."""
STRIDE = int(os.environ.get("AX_MO_TEST_CHAOS_STRIDE", "1"))
"""Only every so manieth step, where there is not the time for all."""

full = pytest.mark.skipif(not FULL, reason="make test-chaos")


def check_points(check: Callable[[int], None], steps: list[str], share: Iterable[int]) -> int:
    """``check`` each step by its number, or the ``share`` of them, and name those at which it failed.

    Returns how many were checked.
    """

    def failure(number: int) -> str | None:
        try:
            check(number)
        except (AssertionError, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as error:
            return f"step {steps[number - 1]}: {type(error).__name__}: {error}"
        return None

    numbers = list(range(1, len(steps) + 1, STRIDE) if FULL else share)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = [text for text in pool.map(failure, numbers) if text]
    assert not failures, "\n\n".join([f"{len(failures)} of {len(numbers)} points", *failures])
    return len(numbers)


def numbers_of(kind: str, steps: list[str]) -> list[int]:
    """The numbers of the steps of one kind, such as ``commit``."""
    return [number for number, step in enumerate(steps, 1) if step.split()[1] == kind]


def assert_same_suggestions(study: Study, undisturbed: Study) -> None:
    """Only one worker makes a study repeatable: which trial ends first is nobody's choice."""
    if study.n_jobs == 1:
        assert points(study) == points(undisturbed)


@pytest.mark.parametrize(
    ("when", "workers", "given"),
    [
        pytest.param("after", 1, {"overrides": RANDOM, "n_trials": 2}, id="quasi-random"),
        pytest.param("before", 1, {"overrides": RANDOM, "n_trials": 3}, id="quasi-random-before", marks=full),
        pytest.param("after", 2, {"overrides": RANDOM, "n_trials": 4}, id="quasi-random-2-workers", marks=full),
        pytest.param("before", 2, {"overrides": RANDOM, "n_trials": 4}, id="quasi-random-2-before", marks=full),
        pytest.param("after", 1, {"overrides": MODEL, "n_trials": 4}, id="model", marks=full),
        pytest.param("after", 2, {"overrides": MODEL, "n_trials": 4}, id="model-2-workers", marks=full),
    ],
)
@pytest.mark.timeout(3600)
def test_sweeper_is_killed_at_every_step(
    when: str, workers: int, given: dict[str, Any], make_study: MakeStudy, undisturbed_of: MakeStudy, survived: Tell
) -> None:
    undisturbed = undisturbed_of(n_jobs=workers, **given)
    steps = undisturbed.taken_steps()
    assert len(steps) > 40, "every file, directory and transaction of a study is among them"
    studies = [make_study(n_jobs=workers, **given) for _ in steps]

    def check(number: int) -> None:
        study = studies[number - 1]
        ended = study.fork(fault={"at": number, "when": when}).finish()
        # files are written once a second: a slow study has more steps
        assert ended.returncode in (-9, 0), ended.output
        study.resume()
        assert_sound(study)
        assert_same_suggestions(study, undisturbed)

    first_trial = [*numbers_of("commit", steps)[2:4], *numbers_of("popen", steps)[:1]]
    times = check_points(check, steps, first_trial)
    method = "model" if given["overrides"] is MODEL else "quasi-random"
    survived(f"sweeper killed, {method}, {workers} worker(s)", f"SIGKILL {when} each durable step", times)


@full
def test_job_that_begins_after_its_sweeper_was_killed_and_replaced(
    make_study: MakeStudy, undisturbed_of: MakeStudy, survived: Tell
) -> None:
    """The machine is busy: the next sweeper is there before the job has written down who it is."""
    first, *_ = numbers_of("popen", undisturbed_of().taken_steps())
    for _ in range(10):
        study = make_study()
        assert study.fork(fault={"at": first, "what": "SLOW_JOB"}).finish().returncode == -9
        held_up = study.pids()
        in_time = not (study.sweep_dir / "0" / ".pid").exists()
        ended = study.fork().finish() if in_time else None
        for pid in held_up:
            os.kill(pid, signal.SIGCONT)
        if ended is not None:
            assert ended.returncode == 0, ended.output
            assert_sound(study)
            survived("job begins after a resume", "SIGSTOP to its shell, SIGKILL to the sweeper", 1)
            return
    pytest.fail("the job was never held up in time")


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=full)])
@pytest.mark.timeout(3600)
def test_trial_is_killed_at_every_step(
    workers: int, make_study: MakeStudy, undisturbed_of: MakeStudy, survived: Tell
) -> None:
    """It has failed, with the reason; the study goes on."""
    given = {"n_jobs": workers, "n_trials": 2, "overrides": (*RANDOM, "hydra.sweeper.max_failure_rate=1.0")}
    undisturbed = undisturbed_of(**given)
    steps = undisturbed.taken_steps(of_trial=True)
    studies = [make_study(**given) for _ in steps]

    def check(number: int) -> None:
        study = studies[number - 1]
        ended = study.fork(**study.fault_of_a_trial({"at": number})).finish()
        assert ended.returncode == 0, ended.output
        study.resume()  # there is nothing to do, but for what the trial was writing
        assert_sound(study, failed={0: "killed by SIGKILL"})
        assert_same_suggestions(study, undisturbed)

    times = check_points(check, steps, [len(steps)])
    survived(f"trial killed, {workers} worker(s)", "SIGKILL after each durable step of the trial", times)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=full)])
@pytest.mark.timeout(3600)
def test_machine_goes_down_at_every_step_of_a_trial(
    workers: int, make_study: MakeStudy, undisturbed_of: MakeStudy, survived: Tell
) -> None:
    """Trial and sweeper are killed together: the trial runs again, unless it has left its result."""
    given: dict[str, Any] = {"n_jobs": workers, "n_trials": 2}
    undisturbed = undisturbed_of(**given)
    steps = undisturbed.taken_steps(of_trial=True)
    studies = [make_study(**given) for _ in steps]

    def check(number: int) -> None:
        study = studies[number - 1]
        ended = study.fork(**study.fault_of_a_trial({"at": number, "what": "NODE"})).finish()
        assert ended.returncode == -9, ended.output
        wait_until(lambda: not study.processes())
        had_ended = (study.sweep_dir / "0" / "result.json").exists()
        study.resume()
        assert_sound(study, interrupted=[0], unrecorded=[] if had_ended else [0])
        assert_same_suggestions(study, undisturbed)
        if had_ended:
            assert [run for run in runs(study.journal) if run[1] == 0] == [("start", 0, 1), ("end", 0, 1)]

    result_is_there = len(steps)
    times = check_points(check, steps, [result_is_there - 1, result_is_there])
    survived(f"machine down, {workers} worker(s)", "SIGKILL to trial and sweeper after each step of a trial", times)
