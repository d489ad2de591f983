"""Jobs that are forked from a process with their libraries, against jobs that are started."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ax_mo.core.process import Identity, alive, end, identity
from ax_mo.runner.job import Job, JobSpec, JobState, Phase
from ax_mo.runner.scheduler import Scheduler, open_scheduler
from ax_mo.runner.settings import LauncherSettings
from ax_mo.trial.files import IMPORTS, PID, STDERR, STDOUT
from tests.support.sweeps import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux alone")

# What a first trial does: it imports a library, a module of its own, and says so as ax_mo's recorder does.
FIRST = """
import sys
from pathlib import Path
import numpy
import own
from ax_mo.trial.imports import report_imports
{more}
report_imports(Path(sys.argv[1]), None)
"""

# Whatever a program can find out about how it was begun, and then the way it ends.
PROGRAM = """
import atexit, json, multiprocessing, os, random, resource, signal, sys, threading
before = dict(sys.modules)
import own

OWN_NAMES = ("AX_MO_JOB_PID", "TORCHX_JOB_ID", "PYTEST_CURRENT_TEST")

class OfMain:
    def __init__(self, value): self.value = value

def double(of_main):
    return OfMain(of_main.value * 2)

def status(name):
    return next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1]

def without_own(path):
    return path and path.replace(sys.argv[1], "DIRECTORY")

def main():
    pid = os.getpid()
    spec = globals()["__spec__"]
    fd = {n: without_own(os.readlink(f"/proc/self/fd/{n}")) for n in (0, 1, 2)}
    open_ones = [n for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")]
    spawned = None
    if sys.argv[2] == "0":
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            spawned = pool.apply(double, (OfMain(21),)).value
    numpy = sys.modules.get("numpy")
    drawn = [random.random(), random.Random().random(), *(numpy.random.rand(1) if numpy else ())]
    facts = {
        "argv": [without_own(a) for a in sys.argv], "orig_argv": [without_own(a) for a in sys.orig_argv[1:]],
        "cwd": os.getcwd(), "path": sys.path, "flags": str(sys.flags), "warnoptions": sys.warnoptions,
        "executable": sys.executable, "file": __file__, "cached": __cached__, "loader": type(__loader__).__name__,
        "package": __package__, "name": __name__, "spec": spec and spec.name,
        "globals": sorted(globals()), "annotations": __annotations__,
        **{f"${k}": without_own(v) for k, v in os.environ.items() if k not in OWN_NAMES},
        "job_pid": os.environ["AX_MO_JOB_PID"] == str(pid), "umask": status("Umask"),
        "signals": [status(name)[-8:] for name in ("SigBlk:", "SigIgn:", "SigCgt:")],
        "handlers": [str(signal.getsignal(n)).partition(" at ")[0] for n in sorted(signal.valid_signals())],
        "group": os.getpgid(0) == pid, "session": os.getsid(0) == pid, "descriptors": fd, "open": len(open_ones),
        "stdin": sys.stdin.read(), "isatty": sys.stdout.isatty(), "buffering": sys.stdout.line_buffering,
        "through": [sys.stdout.write_through, sys.stderr.write_through], "errors": sys.stderr.errors,
        "threads": [thread.name for thread in threading.enumerate()], "trace": str(sys.gettrace()),
        "main_thread": threading.current_thread() is threading.main_thread(), "limits": resource.getrlimit(7),
        "of_the_project": [own.VALUE, "own" in before, own.__file__], "spawned": spawned,
        "pickled_as": OfMain.__module__, "random": drawn, "first_of_its_kind": vars(sys.modules["random"]).get("MARK"),
    }
    sys.modules["random"].MARK = "left by an earlier trial"
    os.environ["LEFT"] = "by an earlier trial"
    print(json.dumps(facts))
    print("to stderr", file=sys.stderr)
    atexit.register(print, "at exit")
    threading.Timer(0.1, print, ["of a thread"]).start()
    end = sys.argv[2]
    if end == "text":
        sys.exit("a last word")
    if end == "raise":
        own.fail()
    if end == "interrupt":
        raise KeyboardInterrupt
    if end.startswith("-"):
        os.kill(pid, -int(end))
    sys.exit(int(end))

if __name__ == "__main__":
    main()
"""

OWN = """
VALUE = {value}
def fail():
    raise RuntimeError("of the program")
"""


class Jobs:
    """A scheduler whose jobs are the programs of one project."""

    def __init__(self, scheduler: Scheduler, project: Path, work: Path) -> None:
        self.scheduler = scheduler
        self.project = project
        self.work = work
        self.count = 0

    def submit(self, *program: str, **env: str) -> Job:
        self.count += 1
        directory = self.work / f"{self.scheduler.settings.scheduler}-{self.count}-{id(self)}"
        directory.mkdir(parents=True)
        words = [word.replace("DIRECTORY", str(directory)) for word in program]
        spec = JobSpec("trial-1", (sys.executable, *words), directory, self.project, env)
        wait_until(lambda: self.scheduler.has_room_for(spec), 30.0)
        return Job(self.scheduler.submit(spec), directory)

    def final(self, job: Job) -> JobState:
        states: list[JobState] = []

        def has_ended() -> bool:
            states[:] = self.scheduler.states([job])
            return states[0].phase is Phase.ENDED

        wait_until(has_ended, 20.0)
        return states[0]

    def warm_up(self, more: str = "", **env: str) -> None:
        """Run a first job, as which the later ones are forked."""
        (self.project / "first.py").write_text(FIRST.format(more=more))
        job = self.submit("first.py", "DIRECTORY", **env)
        assert self.final(job).exit_code == 0, (job.directory / STDERR).read_text()

    def held(self, **env: str) -> Job:
        """A job that goes on until it is told to end."""
        (self.project / "held.py").write_text("import time\nprint('begun')\ntime.sleep(60)\n")
        job = self.submit("held.py", **env)
        wait_until(lambda: (job.directory / STDOUT).exists() and (job.directory / STDOUT).read_text() == "begun\n")
        return job


def is_forked(job: Job) -> bool:
    """Whether the job's process was Python from its beginning: a shell starts one."""
    return "(sh)" not in (job.directory / PID).read_text()


def process_of(job: Job) -> Identity:
    process = identity(job.directory)
    assert process is not None
    return process


Open = Callable[..., Jobs]


@pytest.fixture(scope="module")
def open_jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    opened: list[Jobs] = []
    work = tmp_path_factory.mktemp("jobs")

    def open_(scheduler: str = "local_warm", **settings: Any) -> Jobs:
        project = work / "project"
        (project / "package").mkdir(parents=True, exist_ok=True)
        for path in (project / "program.py", project / "package" / "program.py"):
            path.write_text(PROGRAM)
        for path in (project / "own.py", project / "package" / "own.py"):
            path.write_text(OWN.format(value=1))
        opened.append(Jobs(open_scheduler(LauncherSettings(scheduler=scheduler, **settings)), project, work))
        return opened[-1]

    yield open_
    for jobs in opened:
        jobs.scheduler.close()
    end([process for directory in work.iterdir() if (process := identity(directory)) is not None], 0.1)


@pytest.fixture(scope="module")
def cold(open_jobs: Open) -> Jobs:
    return open_jobs("local_cwd")


@pytest.fixture(scope="module")
def warm(open_jobs: Open) -> Jobs:
    jobs = open_jobs()
    jobs.warm_up()
    return jobs


ENDS = [("program.py", "0"), ("./program.py", "3"), ("program.py", "text"), ("package/program.py", "raise"),
        ("-m package.program", "0"), ("-m package.program", "raise"), ("program.py", "-9"), ("program.py", "-15"),
        ("program.py", "interrupt")]  # fmt: skip


@pytest.mark.parametrize(("program", "ends"), ENDS)
def test_forked_job_is_like_a_started_one(cold: Jobs, warm: Jobs, program: str, ends: str) -> None:
    found = [facts_of(jobs, program, ends) for jobs in (cold, warm, warm)]
    started, *forked = found
    for facts in forked:
        names = facts.keys() | started.keys()
        differences = {n: (facts.get(n), started.get(n)) for n in names if facts.get(n) != started.get(n)}
        assert list(differences) == ["random"], differences
    assert not {*forked[0]["random"]} & {*forked[1]["random"]}


def facts_of(jobs: Jobs, program: str, ends: str) -> dict[str, Any]:
    job = jobs.submit(*program.split(), "DIRECTORY", ends, "a b", "$x", "ü\udc80", OF_THE_JOB="its own")
    state = jobs.final(job)
    texts = [(job.directory / name).read_text().replace(str(job.directory), "DIRECTORY") for name in (STDOUT, STDERR)]
    first, _, rest = texts[0].partition("\n")
    files = sorted(path.name for path in job.directory.iterdir())
    return {**json.loads(first), "state": state, "out": rest, "err": texts[1], "files": files}


def test_modules_of_the_project_are_as_they_are_now(warm: Jobs) -> None:
    (warm.project / "own.py").write_text(OWN.format(value=22))
    job = warm.submit("program.py", "DIRECTORY", "0")
    warm.final(job)
    assert json.loads((job.directory / STDOUT).read_text().splitlines()[0])["of_the_project"][:2] == [22, False]


def test_running_jobs_outlive_the_scheduler_and_are_adopted(open_jobs: Open) -> None:
    jobs = open_jobs()
    jobs.warm_up()
    assert not list(jobs.work.glob(f"*/{IMPORTS}"))
    job = jobs.held()
    assert is_forked(job)
    jobs.scheduler.close()
    for scheduler in ("local_cwd", "local_warm"):
        later = open_jobs(scheduler).scheduler
        assert later.states([job]) == [JobState(Phase.RUNNING)]
    later.cancel([job])
    assert not alive(process_of(job))
    assert later.states([job])[0].message == "ended without a result while this sweeper watched it"


SWEEP = """
import sys, time
from pathlib import Path
from ax_mo.runner.scheduler import open_scheduler
from ax_mo.runner.settings import LauncherSettings
from tests.runner.test_warm_scheduler import Jobs
jobs = Jobs(open_scheduler(LauncherSettings(scheduler="local_warm")), Path(sys.argv[1]), Path(sys.argv[2]))
jobs.warm_up()
job = jobs.held()
print(job.handle, job.directory, flush=True)
time.sleep(60)
"""


def test_jobs_of_a_sweep_that_was_killed_are_adopted_and_nothing_else_of_it_is_left(
    open_jobs: Open, tmp_path: Path
) -> None:
    later = open_jobs()
    argv = [sys.executable, "-c", SWEEP, str(later.project), str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as sweep:
        assert sweep.stdout is not None
        handle, directory = sweep.stdout.readline().split()
        job = Job(handle, Path(directory))
        assert is_forked(job)
        server = psutil.Process(process_of(job).pid).parent()
        assert server is not None
        sweep.kill()
    wait_until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
    assert later.scheduler.states([job]) == [JobState(Phase.RUNNING)]
    later.scheduler.cancel([job])
    assert not alive(process_of(job))


def test_jobs_go_on_when_the_process_that_forked_them_is_killed(
    open_jobs: Open, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = open_jobs()
    jobs.warm_up()
    job = jobs.held()
    assert is_forked(job)
    server = psutil.Process(process_of(job).pid).parent()
    assert server is not None
    server.kill()
    wait_until(lambda: psutil.Process(process_of(job).pid).ppid() != server.pid)
    assert jobs.scheduler.states([job]) == [JobState(Phase.RUNNING)]
    started = jobs.held()
    assert not is_forked(started)
    assert said(caplog) == "the process that forks them has ended."
    jobs.scheduler.cancel([job, started])
    assert [state.phase for state in jobs.scheduler.states([job, started])] == [Phase.ENDED] * 2


def test_forked_job_is_shown_by_its_command(warm: Jobs) -> None:
    job = warm.held()
    process = psutil.Process(process_of(job).pid)
    server = process.parent()
    assert (process.cmdline(), process.name()) == ([sys.executable, "held.py"], Path(sys.executable).name)
    assert server is not None
    assert " ".join(server.cmdline()) == f"ax_mo: forks the trials of {warm.project}"
    warm.scheduler.cancel([job])


def test_cancelled_jobs_are_ended_with_their_children(warm: Jobs) -> None:
    job = warm.held()
    warm.scheduler.cancel([job])
    assert not alive(process_of(job))
    assert warm.final(job).exit_code == -signal.SIGTERM


def said(caplog: pytest.LogCaptureFixture) -> str:
    """Why jobs are not forked, which is said once."""
    (text,) = [record.getMessage() for record in caplog.records if record.name == "ax_mo.runner.local.warm_scheduler"]
    return text.removeprefix("Trials are started, not forked: ")


def library(tmp_path: Path, name: str, text: str) -> str:
    """PYTHONPATH to an installed module of that text."""
    (tmp_path / "site-packages").mkdir(exist_ok=True)
    (tmp_path / "site-packages" / f"{name}.py").write_text(text)
    return str(tmp_path / "site-packages")


REFUSED = [
    ("import threading; threading.Thread(target=__import__('time').sleep, args=(9,), daemon=True).start()", "",
     "importing installed starts threads"),
    ("import own", "", "a library imports 'own', which is none"),
    ("import os; os.environ.get('MY_SWITCH')", "import os; os.environ['MY_SWITCH'] = '1'",
     "the program itself sets MY_SWITCH, which libraries read while they are imported"),
    ("", "import os; os.environ['OMP_NUM_THREADS'] = '3'",
     "the program itself sets OMP_NUM_THREADS, which libraries read while they are imported"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "more", "reason"), REFUSED, ids=["threads", "own", "variable", "OMP_NUM_THREADS"])
def test_jobs_are_started_where_a_fork_would_not_be_the_same(
    open_jobs: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, more: str, reason: str
) -> None:
    jobs = open_jobs()
    path = f"{library(tmp_path, 'installed', text)}{os.pathsep}{jobs.project}"
    jobs.warm_up(f"{more}\nimport installed", PYTHONPATH=path)
    job = jobs.held(PYTHONPATH=path)
    assert not is_forked(job)
    assert said(caplog) == f"{reason}."
    jobs.scheduler.cancel([job])


def test_job_whose_environment_changes_imports_is_started(warm: Jobs) -> None:
    jobs = {name: warm.held(**{name: "2"}) for name in ("OMP_NUM_THREADS", "PYTHONPATH", "CUDA_VISIBLE_DEVICES")}
    assert [is_forked(job) for job in jobs.values()] == [False, False, True]
    warm.scheduler.cancel(list(jobs.values()))


def test_other_programs_are_started_as_ever(open_jobs: Open) -> None:
    jobs = open_jobs()
    directory = jobs.work / "other"
    directory.mkdir()
    job = Job(jobs.scheduler.submit(JobSpec("trial-1", ("sh", "-c", "exit 3"), directory, jobs.project)), directory)
    assert jobs.final(job).exit_code == 3


REMARKS = [
    (("/usr/bin/python", "program.py"), "another interpreter"), ((sys.executable, "-c", "pass"), "neither a script"),
    ((sys.executable, "-X", "utf8", "-um", "package.program", "x=1"), "are forked"),
    ((sys.executable, "-O", "program.py", "-m"), "are forked"), ((sys.executable, "package"), "neither a script"),
]  # fmt: skip


@pytest.mark.parametrize(("argv", "words"), REMARKS)
def test_what_can_be_forked_is_known_from_its_command(open_jobs: Open, argv: tuple[str, ...], words: str) -> None:
    jobs = open_jobs()
    assert words in jobs.scheduler.remark(argv, jobs.project)
