"""A process that is killed at any one of its durable steps loses nothing, and nothing runs twice."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.conftest import FULL, Tell
from tests.chaos.soundness import assert_sound, points, runs
from tests.chaos.study import Study
from tests.support.fork_server import FAULTS
from tests.support.waiting import wait_until

MakeStudy = Callable[..., Study]

RANDOM = ("hydra.sweeper.method=random_search",)
MODEL = ("hydra.sweeper.n_startup_trials=2",)
AT_ONCE = 2
"""Studies that run at the same time; the machine has few processors."""
STRIDE = int(os.environ.get("AX_MO_TEST_CHAOS_STRIDE", "1"))
"""Only every so manieth step, where there is not the time for all."""

full = pytest.mark.skipif(not FULL, reason="make test-chaos")


def kind_of(step: str) -> str:
    """What is alike for a sweeper that is killed there: numbers and names of temporary files are not looked at."""
    _, kind, target = step.split(" ", 2)
    if "/.hydra" in target or target.endswith("/task.log"):
        return "what Hydra writes of a trial"
    where = ".torchx" if "/.torchx/" in target else "temporary" if target.endswith(".tmp") else Path(target).name
    return f"{kind} {where if not where.isdigit() else 'trial'}"


def chosen(steps: list[str]) -> list[int]:
    """The numbers of the steps to try: all, or each transaction and the first of every other kind."""
    if FULL:
        return list(range(1, len(steps) + 1, STRIDE))
    first = {kind_of(step): number for number, step in reversed(list(enumerate(steps, 1)))}
    return sorted({*first.values(), *(number for number, step in enumerate(steps, 1) if " commit" in step)})


def check_points(check: Callable[[int], None], steps: list[str]) -> int:
    """``check`` the chosen steps by number, and name those at which it failed; returns how many there were."""

    def failure(number: int) -> str | None:
        try:
            check(number)
        except (AssertionError, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as error:
            return f"step {steps[number - 1]}: {type(error).__name__}: {error}"
        return None

    numbers = chosen(steps)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = [text for text in pool.map(failure, numbers) if text]
    assert not failures, "\n\n".join([f"{len(failures)} of {len(numbers)} points", *failures])
    return len(numbers)


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
    when: str, workers: int, given: dict[str, Any], make_study: MakeStudy, survived: Tell
) -> None:
    undisturbed = make_study(n_jobs=workers, **given)
    assert undisturbed.fork(fault={}).finish().returncode == 0
    assert_sound(undisturbed)
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

    times = check_points(check, steps)
    method = "model" if given["overrides"] is MODEL else "quasi-random"
    survived(f"sweeper killed, {method}, {workers} worker(s)", f"SIGKILL {when} each durable step", times)


def test_job_that_begins_after_its_sweeper_was_killed_and_replaced(make_study: MakeStudy, survived: Tell) -> None:
    """The machine is busy: the next sweeper is there before the job has written down who it is."""
    study = make_study()
    assert study.fork(fault={}).finish().returncode == 0
    first = next(int(line.split()[0]) for line in study.taken_steps() if line.split()[1] == "popen")
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


def trial_steps(undisturbed: Study) -> list[str]:
    ended = undisturbed.fork(**environment(undisturbed, {})).finish()
    assert ended.returncode == 0, ended.output
    steps = undisturbed.taken_steps()
    assert any("result.json" in step for step in steps)
    return steps


def environment(study: Study, fault: dict[str, Any]) -> dict[str, str]:
    """What makes the process of trial 0 suffer the fault."""
    path = os.pathsep.join(filter(None, [str(FAULTS), os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": path, "AX_MO_CHAOS": json.dumps({"trial": 0, "log": str(study.steps), **fault})}


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=full)])
@pytest.mark.timeout(3600)
def test_trial_is_killed_at_every_step(workers: int, make_study: MakeStudy, survived: Tell) -> None:
    """It has failed, with the reason; the study goes on."""
    given = {"n_jobs": workers, "n_trials": 2, "overrides": (*RANDOM, "hydra.sweeper.max_failure_rate=1.0")}
    undisturbed = make_study(**given)
    steps = trial_steps(undisturbed)
    studies = [make_study(**given) for _ in steps]

    def check(number: int) -> None:
        study = studies[number - 1]
        ended = study.fork(**environment(study, {"at": number})).finish()
        assert ended.returncode == 0, ended.output
        study.resume()  # there is nothing to do, but for what the trial was writing
        assert_sound(study, failed={0: "killed by SIGKILL"})
        assert_same_suggestions(study, undisturbed)

    times = check_points(check, steps)
    survived(f"trial killed, {workers} worker(s)", "SIGKILL after each durable step of the trial", times)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=full)])
@pytest.mark.timeout(3600)
def test_machine_goes_down_at_every_step_of_a_trial(workers: int, make_study: MakeStudy, survived: Tell) -> None:
    """Trial and sweeper are killed together: the trial runs again, unless it has left its result."""
    given: dict[str, Any] = {"n_jobs": workers, "n_trials": 2}
    undisturbed = make_study(**given)
    steps = trial_steps(undisturbed)
    studies = [make_study(**given) for _ in steps]

    def check(number: int) -> None:
        study = studies[number - 1]
        ended = study.fork(**environment(study, {"at": number, "what": "NODE"})).finish()
        assert ended.returncode == -9, ended.output
        wait_until(lambda: not study.processes())
        had_ended = (study.sweep_dir / "0" / "result.json").exists()
        study.resume()
        assert_sound(study, interrupted=[0], unrecorded=[] if had_ended else [0])
        assert_same_suggestions(study, undisturbed)
        if had_ended:
            assert [run for run in runs(study.journal) if run[1] == 0] == [("start", 0, 1), ("end", 0, 1)]

    times = check_points(check, steps)
    survived(f"machine down, {workers} worker(s)", "SIGKILL to trial and sweeper after each step of a trial", times)
