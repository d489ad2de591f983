"""Signals at every phase of a study in a real terminal: it can be resumed, and then ends soundly."""

import os
import signal
import sys
from collections.abc import Callable, Iterator

import pexpect
import pytest

from tests.chaos.conftest import FULL, Tell
from tests.chaos.soundness import assert_sound, points
from tests.chaos.study import Study
from tests.chaos.test_crash_points import check_points

MakeStudy = Callable[..., Study]

SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
PHASES = {
    "while it starts": "to resume:",
    "while trials run": r"1/1 running",
    "while it drains": "Ctrl-C again cancels them",
    "while its report is written": "writing the report",
}


@pytest.fixture
def terminal() -> Iterator[Callable[[Study, bool], pexpect.spawn]]:
    opened: list[pexpect.spawn] = []

    def open_terminal(study: Study, report: bool) -> pexpect.spawn:
        env = study.env(TERM="xterm-256color", AX_MO_REPORT=str(int(report)))
        argv = study.argv()
        opened.append(pexpect.spawn(
            sys.executable, argv, cwd=str(study.directory), env=env, timeout=90, encoding="utf-8", dimensions=(40, 200)
        ))  # fmt: skip
        return opened[-1]

    yield open_terminal
    for child in opened:
        child.close(force=True)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("number", SIGNALS, ids=[number.name for number in SIGNALS])
def test_signal_in_a_terminal_leaves_a_study_that_can_be_resumed(
    number: signal.Signals, phase: str, make_study: MakeStudy, terminal, survived: Tell
) -> None:
    if not FULL and (number, phase) != (signal.SIGTERM, "while it drains"):
        pytest.skip("make test-chaos")
    study = make_study(overrides=("hydra.sweeper.method=random_search", "seconds=1"))
    child = terminal(study, phase == "while its report is written")
    if phase == "while it drains":
        child.expect(PHASES["while trials run"])
        child.sendintr()
    child.expect(PHASES[phase])
    os.kill(child.pid, number)
    child.expect(pexpect.EOF)
    said = child.before
    child.close()
    assert "Traceback" not in said
    study.resume()
    # A trial that the user cancelled runs again.
    assert_sound(study, interrupted=[0, 1] if number is signal.SIGINT else [])
    survived(f"{number.name} {phase}", "to a sweeper on a pty", 1)


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGINT"])
@pytest.mark.skipif(not FULL, reason="make test-chaos")
@pytest.mark.timeout(3600)
def test_signal_at_every_durable_step(
    name: str, make_study: MakeStudy, undisturbed_of: MakeStudy, survived: Tell
) -> None:
    undisturbed = undisturbed_of()
    steps = undisturbed.taken_steps()
    studies = [make_study() for _ in steps]

    def check(number: int) -> None:
        study = studies[number - 1]
        ended = study.fork(fault={"at": number, "what": name}).finish()
        assert "Traceback" not in ended.output, ended.output
        study.resume()
        assert_sound(study)
        assert points(study) == points(undisturbed)

    times = check_points(check, steps, ())
    survived(f"{name}, 1 worker", "after each durable step of the sweeper", times)
