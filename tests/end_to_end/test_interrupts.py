"""Ctrl-C as a person presses it, in a real terminal."""

import pexpect
import pytest

from tests.support.sweeps import environment

SPACE = ("x=interval(0,1)", "hydra.sweeper.method=random_search")


@pytest.fixture
def terminal(sweep):
    def open_terminal(*overrides):
        argv = sweep.argv(*overrides)
        return pexpect.spawn(
            argv[0], argv[1:], cwd=str(sweep.tmp_path), env=environment(TERM="xterm-256color"), timeout=60,
            encoding="utf-8", dimensions=(40, 200),
        )  # fmt: skip

    return open_terminal


def test_once_lets_the_running_trials_finish(sweep, terminal):
    child = terminal(*SPACE, sweep.held, "hydra.sweeper.n_trials=50", "hydra.sweeper.n_jobs=2")
    child.expect("2/2 running")
    child.sendintr()
    child.expect(r"Interrupted: 2 running trial\(s\) will be finished")
    sweep.gate.touch()
    child.expect("best loss")
    child.expect("the running trials were finished")
    child.expect("to resume:")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert [trial["status"] for trial in sweep.trials()] == ["completed", "completed"]


def test_twice_cancels_them_and_exits_with_130(sweep, terminal):
    options = (*SPACE, sweep.held, "mode=raises_when_ended", "hydra.sweeper.n_jobs=2")
    child = terminal(*options, "hydra.sweeper.n_trials=50")
    child.expect("2/2 running")
    child.sendintr()
    child.expect("Ctrl-C again cancels them")
    child.sendintr()
    child.expect("the running trials were cancelled")
    child.expect("to resume:")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert [trial["status"] for trial in sweep.trials()] == ["cancelled", "cancelled"]
    # A cancelled trial is nobody's fault: the resume runs it again, under its number.
    sweep.gate.touch()
    resumed = sweep.run(*options, "hydra.sweeper.n_trials=2")
    assert resumed.returncode == 0, resumed.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "2")] * 2
