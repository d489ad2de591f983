"""The runner of other Hydra launchers, with a launcher that does what the test says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ax_mo.runner.job import JobSpec
from ax_mo.runner.launcher_runner import LauncherRunner


class Interrupts:
    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def raising(self) -> Iterator[None]:
        yield


class Launcher:
    """Raises this instead of running its jobs."""

    def __init__(self, error: BaseException) -> None:
        self._error = error
        self.launched: list[int] = []

    def launch(self, jobs: list[list[str]], initial_job_idx: int) -> Any:
        self.launched.append(initial_job_idx)
        raise self._error


def runner_of(launcher: Launcher, interrupts: Interrupts, directory: Path) -> LauncherRunner:
    given: Any = launcher
    return LauncherRunner(given, 2, directory, interrupts)


def spec_of(directory: Path, number: int) -> JobSpec:
    place = directory / str(number)
    place.mkdir()
    (place / "trial.json").write_text("{}")
    return JobSpec(f"ax-{number}", (), place, directory, key=(number, None))


def test_interrupt_that_a_task_raises_cancels_the_batch_and_is_not_launched_again(tmp_path: Path) -> None:
    interrupts, launcher = Interrupts(), Launcher(KeyboardInterrupt())
    runner = runner_of(launcher, interrupts, tmp_path)
    runner.submit(spec_of(tmp_path, 0))
    runner.wait()
    assert interrupts.count == 2, "as Ctrl-C twice, which cancels"
    assert runner.cancel().ended == [(0, None)]
    assert launcher.launched == [0]


@pytest.mark.parametrize(("lost", "once_more"), [(1, False), (2, True)])
def test_runs_that_are_lost_together_run_once_more_alone(tmp_path: Path, lost: int, once_more: bool) -> None:
    runner = runner_of(Launcher(RuntimeError("a worker died")), Interrupts(), tmp_path)
    specs = [spec_of(tmp_path, number) for number in range(lost)]
    for spec in specs:
        assert runner.submit(spec) is not None
    runner.wait()
    changes = runner.collect()
    assert [change.once_more for change in changes] == [once_more] * lost
    if once_more:
        assert runner.submit(specs[0]) is not None
        assert runner.capacity == 0
    else:
        assert changes[0].state.message == "the launcher lost it: RuntimeError: a worker died"


def test_batch_takes_consecutive_numbers(tmp_path: Path) -> None:
    runner = runner_of(Launcher(RuntimeError()), Interrupts(), tmp_path)
    assert runner.submit(spec_of(tmp_path, 3)) is not None
    assert runner.submit(spec_of(tmp_path, 5)) is None
    assert runner.capacity == 0
