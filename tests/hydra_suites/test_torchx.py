"""Hydra's own launcher tests.

Their sweeps run inside the pytest process, which nothing can start again for a job: the launcher refuses them. Here the
same tests run with each sweep as a program of its own.
"""

import inspect
import json
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hydra import __version__
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)
from omegaconf import OmegaConf

from ax_mo.errors import NotRerunnableError
from ax_mo.hydra_project.program import RECORDER
from tests.support.sweeps import Finished, run

TIMEOUT = 60
HYDRA = tuple(int(part) for part in __version__.split(".")[:2])

pytestmark = pytest.mark.timeout(TIMEOUT)


@pytest.mark.long
@pytest.mark.parametrize(("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=torchx"])], ids=["torchx"])
class TestIntegration(IntegrationTestSuite):
    pass


# The suite's sweeps inside the pytest process.


@pytest.mark.usefixtures("hydra_restore_singletons")
@pytest.mark.parametrize(("launcher_name", "overrides"), [("torchx", [])], ids=["torchx"])
class TestLauncherInThisProcess:
    """What Hydra refuses by itself, before it comes to launching."""

    test_not_sweeping_hydra_overrides = LauncherTestSuite.test_not_sweeping_hydra_overrides
    test_sweep_1_job_strict_and_bad_key = LauncherTestSuite.test_sweep_1_job_strict_and_bad_key


@pytest.mark.usefixtures("hydra_restore_singletons")
def test_sweep_inside_another_program_is_refused(hydra_sweep_runner: Any, tmpdir: Any) -> None:
    with pytest.raises(NotRerunnableError, match="Use hydra/launcher=basic or hydra/launcher=joblib instead"):
        LauncherTestSuite().test_sweep_1_job(hydra_sweep_runner, launcher_name="torchx", overrides=[], tmpdir=tmpdir)


@pytest.mark.usefixtures("hydra_restore_singletons")
def test_unknown_key_is_refused_by_hydra_and_not_by_the_launcher(hydra_sweep_runner: Any, tmpdir: Any) -> None:
    """The suite's own test of it would take any exception."""
    sweep = hydra_sweep_runner(
        calling_file=None,
        calling_module="hydra.test_utils.a_module",
        task_function=None,
        config_path="configs",
        config_name="compose.yaml",
        overrides=["hydra/launcher=torchx", "boo=bar"],
        temp_dir=tmpdir,
    )
    with pytest.raises(HydraException, match="Could not override 'boo'"), sweep:
        pass


# The suite's sweeps as programs.

SUITE_PROGRAM = """\
from __future__ import annotations

import pickle

import hydra
from hydra._internal.hydra import Hydra
from omegaconf import OmegaConf

OmegaConf.register_new_resolver("my_custom_resolver", lambda: "foo")

{task}

multirun = Hydra.multirun


def recorded(*arguments, **settings):
    returns = multirun(*arguments, **settings)
    with open({returns!r}, "wb") as file:
        pickle.dump(returns, file)
    return returns


Hydra.multirun = recorded

if __name__ == "__main__":
    hydra.main(version_base=None, config_path="pkg://hydra.test_utils.configs", config_name={config!r})(task_func)()
"""


class ProgramSweep:
    """Stands in for Hydra's ``SweepTaskFunction``: the sweep is a program, and returns what its sweeper returned."""

    def __init__(
        self,
        calling_file: str | None,
        calling_module: str | None,
        task_function: Callable[[Any], Any] | None,
        config_path: str | None,
        config_name: str | None,
        overrides: list[str] | None,
        temp_dir: Any = None,
    ) -> None:
        assert calling_module == "hydra.test_utils.a_module" and config_path == "configs"
        self.temp_dir = str(temp_dir)
        self.returns: list[list[JobReturn]] | None = None
        self._overrides = overrides or []
        self._source = dedent(inspect.getsource(task_function or returns_100))
        assert self._source.startswith("def ")
        self._source = self._source.replace("def returns_100", "def task_func")
        self._config_name = config_name

    def __enter__(self) -> "ProgramSweep":
        directory = Path(self.temp_dir) / "program"
        directory.mkdir()
        returns = directory / "returns.pickle"
        script = directory / "a_module.py"
        text = SUITE_PROGRAM.format(task=self._source, returns=str(returns), config=self._config_name)
        script.write_text(text)
        argv = [sys.executable, str(script), "-m", *self._overrides, f"hydra.sweep.dir={self.temp_dir}"]
        done = run(argv, directory, TIMEOUT)
        if done.returncode != 0:
            raise HydraException(done.output)
        self.returns = pickle.loads(returns.read_bytes())
        return self

    def __exit__(self, *_: Any) -> None:
        pass


def returns_100(_: Any) -> Any:
    return 100


@pytest.fixture
def without_the_suites_resolver() -> Iterator[None]:
    yield
    OmegaConf.clear_resolver("my_custom_resolver")


# The suite looks for a job's files in its working directory.
IN_ITS_DIRECTORY = "hydra.job.chdir=true"


@pytest.mark.long
@pytest.mark.usefixtures("without_the_suites_resolver")
@pytest.mark.parametrize(("launcher_name", "overrides"), [("torchx", [IN_ITS_DIRECTORY])], ids=["torchx"])
class TestLauncherOfAProgram(LauncherTestSuite):
    @pytest.fixture
    def hydra_sweep_runner(self) -> type[ProgramSweep]:
        return ProgramSweep

    def test_failure_preserves_task_traceback(
        self, hydra_sweep_runner: Any, launcher_name: str, overrides: list[str], tmpdir: Any
    ) -> None:
        """Hydra 1.4 wants the exception object itself, which is in another process: its text must be there."""

        def task_func(_: Any) -> None:
            try:
                raise ValueError("launcher cause")
            except ValueError as cause:
                raise RuntimeError("launcher failure") from cause

        sweep = hydra_sweep_runner(
            calling_file=None,
            calling_module="hydra.test_utils.a_module",
            task_function=task_func,
            config_path="configs",
            config_name="compose.yaml",
            overrides=[f"hydra/launcher={launcher_name}", *overrides],
            temp_dir=tmpdir,
        )
        with pytest.raises(HydraException, match="Job 0 failed: RuntimeError: launcher failure"), sweep:
            pass
        trace = json.loads((Path(tmpdir) / "0" / "result.json").read_text())["error"]["traceback"]
        assert "ValueError: launcher cause" in trace
        assert "The above exception was the direct cause" in trace
        assert "in task_func" in trace
        assert "RuntimeError: launcher failure" in trace


@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [("torchx", [IN_ITS_DIRECTORY, "hydra.sweeper.max_batch_size=2"])],
    ids=["torchx"],
)
class TestBatchesOfAProgram(BatchedSweeperTestSuite):
    @pytest.fixture
    def hydra_sweep_runner(self) -> type[ProgramSweep]:
        return ProgramSweep


# What the suite does not ask.

PROGRAM = """\
import json
import os
import signal
import time
from pathlib import Path

import hydra

from ax_mo.runner import launch as jobs

launch = jobs.launch


def value_of(job):
    try:
        return str(job.return_value)
    except Exception as error:  # what a failed job has instead
        return str(error)


def recorded(*arguments):
    returns = launch(*arguments)
    Path("returns.json").write_text(json.dumps([[r.status.name, list(r.overrides), value_of(r)] for r in returns]))
    return returns


jobs.launch = recorded


@hydra.main(version_base=None, config_path=None)
def task(cfg):
    if cfg.ends == "first_after_second":
        while cfg.job == 0 and not Path("sweep/1/result.json").exists():
            time.sleep(0.02)
    if cfg.ends == "os_exit":
        os._exit(1)
    if cfg.ends == "sigkill":
        os.kill(os.getpid(), signal.SIGKILL)
    return f"result of {cfg.job}"


if __name__ == "__main__":
    task()
"""


class Program:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.script = directory / "train.py"
        self.script.write_text(PROGRAM)

    def sweep(self, *overrides: str) -> Finished:
        return self.run("-m", "hydra/launcher=torchx", "hydra.sweep.dir=sweep", *overrides)

    def run(self, *arguments: str) -> Finished:
        return run([sys.executable, str(self.script), *arguments], self.directory, TIMEOUT)

    @property
    def launched(self) -> Sequence[tuple[str, list[str], str]]:
        """Status, overrides and return value of each JobReturn that ``launch`` returned."""
        return [tuple(job) for job in json.loads((self.directory / "returns.json").read_text())]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.mark.skipif(HYDRA < (1, 4), reason="Hydra 1.3 wants all overrides on one side of its flags")
def test_overrides_before_and_after_flags_reach_the_job(program: Program) -> None:
    arguments = ["+ends=normally", "-m", "hydra/launcher=torchx", "hydra.sweep.dir=sweep", "+job=7"]
    done = program.run(*arguments)
    assert done.returncode == 0, done.output
    assert program.launched == [("COMPLETED", ["+ends=normally", "+job=7"], "result of 7")]


@pytest.mark.skipif(HYDRA < (1, 4), reason="Hydra 1.3 has no aliases")
def test_alias_of_an_override_reaches_the_job_as_what_it_stands_for(program: Program) -> None:
    (program.directory / "aliased.yaml").write_text(
        "hydra: {aliases: {j: job, loud: hydra.verbose=true}}\njob: 0\nends: normally\n"
    )
    done = program.sweep("--config-dir=.", "--config-name=aliased", "j=7", "loud")
    assert done.returncode == 0, done.output
    assert program.launched == [("COMPLETED", ["job=7"], "result of 7")]
    assert "hydra.verbose=true" in (program.directory / "sweep/0/command.sh").read_text()


@pytest.mark.skipif(HYDRA < (1, 4), reason="Hydra 1.3 has no execution whitelist")
def test_execution_whitelist_of_the_program_must_name_the_recorder(program: Program) -> None:
    def sweep_with(*whitelist: str) -> Finished:
        settings = f"config_path=None, execution_whitelist={list(whitelist)}"
        program.script.write_text(PROGRAM.replace("config_path=None", settings))
        return program.sweep("+ends=normally", "+job=7")

    done = sweep_with("train.*")
    assert done.returncode == 1
    assert f"Target '{RECORDER}' is not in the Hydra execution whitelist" in done.output
    done = sweep_with("train.*", RECORDER)
    assert done.returncode == 0, done.output
    assert program.launched == [("COMPLETED", ["+ends=normally", "+job=7"], "result of 7")]


def test_returns_are_in_the_order_of_the_jobs_and_not_of_their_ends(program: Program) -> None:
    done = program.sweep("hydra.launcher.n_jobs=2", "+ends=first_after_second", "+job=0,1,2")
    assert done.returncode == 0, done.output
    assert program.launched == [
        ("COMPLETED", ["+ends=first_after_second", f"+job={number}"], f"result of {number}") for number in range(3)
    ]
    ended = [json.loads((program.directory / f"sweep/{n}/result.json").read_text())["ended"] for n in range(2)]
    assert ended[1] < ended[0]


def test_dead_worker_is_a_failed_return_that_names_its_job(program: Program) -> None:
    done = program.sweep("+job=7", "+ends=normally,os_exit,sigkill")
    assert [status for status, _, _ in program.launched] == ["COMPLETED", "FAILED", "FAILED"]
    values = [value for _, _, value in program.launched]
    assert values[0] == "result of 7"
    assert values[1].startswith("Job 1 failed: ended with exit code 1")
    assert values[2].startswith("Job 2 failed: killed by SIGKILL (out of memory?)")
    assert str(program.directory / "sweep/2") in values[2]
    assert done.returncode == 1
    assert "Job 1 failed: ended with exit code 1" in done.output
    assert "Traceback" not in done.output


def test_jobs_are_where_the_programs_own_node_says_and_never_share_a_directory(program: Program) -> None:
    name = "hydra.sweep.subdir=${hydra:job.name}_${hydra:runtime.choices.hydra/launcher}"
    done = program.sweep("+job=0,1", "+ends=normally", name, "hydra.job.name=job_${hydra:job.num}")
    assert done.returncode == 0, done.output
    assert [value for _, _, value in program.launched] == ["result of 0", "result of 1"]
    assert {path.parent.name for path in program.directory.glob("sweep/*/result.json")} == {
        "job_0_torchx", "job_1_torchx",
    }  # fmt: skip
    done = program.sweep("+job=0,1", "+ends=normally", "hydra.sweep.subdir=same", "hydra.sweep.dir=other")
    assert [value for _, _, value in program.launched] == ["result of 0", "result of 1"], done.output
    assert {path.parent.name for path in program.directory.glob("other/*/result.json")} == {"same", "same_1"}


CHANGES_DIRECTORY = """\
import os

os.chdir("work")

import hydra


@hydra.main(version_base=None, config_path="conf", config_name="config")
def task(cfg):
    return f"{cfg.where} {cfg.other.name} {os.getcwd()}"


if __name__ == "__main__":
    task()
"""


@pytest.mark.parametrize("program", [["src/train.py"], ["-m", "src.train"]], ids=" ".join)
def test_program_that_changes_directory_means_the_same_in_its_jobs(tmp_path: Path, program: list[str]) -> None:
    files = {
        "src/train.py": CHANGES_DIRECTORY,
        "src/conf/config.yaml": "defaults: [other: none]\nwhere: ???\n",
        "src/conf/other/none.yaml": "name: none\n",
        # Hydra is called in work/, and so takes relative paths from there.
        "work/more/other/mine.yaml": "name: mine\n",
        "more/other/mine.yaml": "name: not mine\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    argv = [sys.executable, *program, "-m", "where=here,there", "other=mine", "hydra.sweep.dir=out",
            "hydra/launcher=torchx", "--config-dir", "more"]  # fmt: skip
    done = run(argv, tmp_path)  # started: what Python notes at its start is what is tested
    assert done.returncode == 0, done.output
    values = [json.loads((tmp_path / f"work/out/{n}/result.json").read_text())["value"] for n in range(2)]
    assert values == [f"{where} mine {tmp_path / 'work'}" for where in ("here", "there")]
