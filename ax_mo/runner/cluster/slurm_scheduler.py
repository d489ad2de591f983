"""Jobs on Slurm by its own commands, which are asked once for all jobs; TorchX writes the batch scripts.

TorchX 0.7.0 asks ``sacct`` once per job: without accounting it raises, a job just submitted is unknown for seconds, and
a cancelled one is an AssertionError. ``squeue`` knows every job until a few minutes after its end, accounting or not.
It also lets ``sbatch`` write its reasons past us, to the terminal.
"""

import fcntl
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ax_mo.runner.cluster.sbatch_options import check_options, for_sbatch, for_torchx
from ax_mo.runner.cluster.torchx_scheduler import TorchXScheduler, app_id_of, in_directory, in_place
from ax_mo.runner.job import CancelFailed, Cause, Job, JobSpec, JobState, NoAnswer, Phase
from ax_mo.runner.scheduler import jobs_on_nodes
from ax_mo.runner.torchx_app import app_of, check_arguments
from ax_mo.trial.files import PID
from ax_mo.trial.untrusted import read_tail

_PENDING = {
    "PENDING", "CONFIGURING", "POWER_UP_NODE", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD",
    "SPECIAL_EXIT", "EXPEDITING",
}  # fmt: skip
_ENDED = {
    "FAILED": None,
    "LAUNCH_FAILED": None,
    "RECONFIG_FAIL": None,
    "REVOKED": None,
    "PREEMPTED": Cause.PREEMPTED,
    "NODE_FAIL": Cause.NODE_FAILURE,
    "BOOT_FAIL": Cause.NODE_FAILURE,
    "OUT_OF_MEMORY": Cause.OUT_OF_MEMORY,
    "TIMEOUT": Cause.TIMEOUT,
    "DEADLINE": Cause.TIMEOUT,
    "CANCELLED": Cause.CANCELLED,
}

# Slurm's commands give up after 10 s themselves, also where they try again.
_PATIENCE = 40.0
# A lock file of each submission, in the trial's directory.
_SUBMITTING = ".sbatch"
# How far back ``sacct`` looks for a job by its name, which no other has; by itself it begins today.
_SINCE = "now-30days"
# What the batch script and srun print, in the trial's directory.
_LOG = "slurm.log"
_LOG_BYTES = 8192
# What srun says where it could not begin the trial: the controller was away then, say. What a task of it did is no such
# thing ("srun: error: n1: task 0: Exited with exit code 1").
_NOT_BEGUN = re.compile(r"^srun: (?:error|fatal): (?!.*\btasks? [\d,-]+:)(.+)", re.MULTILINE)
# What scancel says of jobs that need not be told.
_HAS_ENDED = ("Invalid job id", "already completing or completed")


class SbatchFailed(Exception):
    """``sbatch`` did not say that it had submitted a job; the message is what it said."""


_TAKES_JOBS = ("idle", "mixed", "allocated", "completing", "planned", "reserved")
"""States of nodes on which a job may run sooner or later."""

# torchrun takes these variables for options. The first node alone says whose job it is; the others have logs of their
# own. $1 to $8 are what core.process.recorded puts before the command: its files are $5 to $7.
_ON_A_NODE = (
    'first="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"; '
    'export PET_RDZV_BACKEND=c10d PET_RDZV_ID="$SLURM_JOB_ID" '
    'PET_RDZV_ENDPOINT="$first:$((20000 + SLURM_JOB_ID % 10000))"; '
    'n="${SLURM_PROCID:-0}"; [ "$n" = 0 ] && exec "$@"; '
    'out="${6%.log}.$n.log"; err="${7%.log}.$n.log"; shift 8; exec "$@" >> "$out" 2>> "$err" < /dev/null'
)

# TorchX 0.7.0 makes the job's number of this text wherever it stands, be it in a value of the user's. What stands in
# its place meanwhile has a space, so that it is quoted in the script, and the text is one there.
_JOB_ID = "${app_id}"
_PLACE_OF_IT = "6f1d7c52 ax_mo"


class SlurmScheduler(TorchXScheduler):
    """Jobs on Slurm, by its own commands.

    ``squeue`` shows a job as soon as ``sbatch`` has returned: one that neither it nor ``sacct`` knows was never
    submitted, or ended long ago.
    """

    def _factory(self) -> Any:
        """TorchX's own asks ``sinfo`` at every submission, which waits and writes to the terminal without Slurm."""
        from torchx.schedulers import slurm_scheduler

        class AskedOnce(slurm_scheduler.SlurmScheduler):  # type: ignore[misc]
            _partition_memmb = cache(slurm_scheduler.SlurmScheduler._partition_memmb)

        return lambda session, **_: AskedOnce(session)

    @property
    def auto_n_jobs(self) -> int:
        partition = self.settings.scheduler_args.get("partition")
        of_it = ["-p", str(partition)] if partition else []
        done = _run(["sinfo", "-h", "-N", "-o", "%N|%c|%m|%G|%T", *of_it])
        if done.returncode != 0:
            raise NoAnswer(done.stderr.strip() or f"sinfo ended with {done.returncode}")
        settings = self.settings
        needs = {"cpu": settings.cpu, "memory": settings.memMB, "gpu": settings.gpu}
        return jobs_on_nodes(_nodes(done.stdout), needs) // settings.nnodes

    def find(self, name: str, directory: Path) -> str | None:
        with _submission(directory):  # an earlier sweeper's sbatch may have outlived it
            own_name = f"{name}-0"  # as TorchX calls the only replica of a role
            words = _ask(["squeue", "-h", "-t", "all", "-o", "%i|%T", "--name", own_name])
            if not words:
                words = _ask_accounting(["--name", own_name, "-S", _SINCE])
        return self._handle(max(words, key=lambda job_id: (len(job_id), job_id))) if words else None

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        """UNKNOWN where Slurm does not know the job, and with a message where it does not answer."""
        ids = [app_id_of(job.handle) for job in jobs]
        try:
            words = _ask(["squeue", "-h", "-t", "all", "-o", "%i|%T", "-j", ",".join(ids)])
            missing = [job_id for job_id in ids if job_id not in words]
            if missing:
                words |= _ask_accounting(["-j", ",".join(missing)])
        except NoAnswer as error:
            return [JobState(Phase.UNKNOWN, message=f"Slurm does not answer: {error}") for _ in ids]
        return [_state_of(words.get(job_id, ""), job.directory) for job_id, job in zip(ids, jobs, strict=True)]

    def cancel(self, jobs: Sequence[Job]) -> None:
        try:
            done = _run(["scancel", *(app_id_of(job.handle) for job in jobs)])
        except NoAnswer as error:
            raise CancelFailed(jobs, str(error)) from None
        words = done.stderr.strip()
        of_ended_jobs_alone = words and all(any(said in line for said in _HAS_ENDED) for line in words.splitlines())
        if done.returncode != 0 and not of_ended_jobs_alone:
            raise CancelFailed(jobs, words or f"scancel ended with {done.returncode}")

    def check_arguments(self) -> None:
        check_arguments(self._name, check_options(self.settings.scheduler_args), self._torchx)

    def request(self, spec: JobSpec) -> str:
        batch = self._batch(spec)
        return f"{shlex.join(self._command(batch))} < the script\n\n{_script(batch).strip()}"

    def _arguments(self) -> dict[str, Any]:
        return for_torchx(self.settings.scheduler_args)

    def _command(self, batch: Any) -> list[str]:
        """``sbatch`` with its options, which go before those of its environment and of the script."""
        directory = [f"--chdir={batch.job_dir}"] if batch.job_dir else []
        nodes = [f"--nodes={self.settings.nnodes}"] if self.settings.nnodes > 1 else []
        return [*batch.cmd, *for_sbatch(self.settings.scheduler_args), *nodes, *directory]

    def _on_nodes(self, spec: JobSpec) -> list[str]:
        """The command as each of the trial's nodes runs it, where the trial's directory may not be."""
        if self.settings.results_url:
            return in_place(spec)
        words = in_directory(spec)
        return ["/bin/sh", "-c", _ON_A_NODE, "ax_mo", *words] if self.settings.nnodes > 1 else words

    def _batch(self, spec: JobSpec) -> Any:
        """TorchX's SlurmBatchRequest."""
        # TorchX passes env through srun --export, where a comma cuts a value.
        env = (f"{key}={value}" for key, value in self._env(spec).items())
        words = ["env", *env, *self._on_nodes(spec)]
        if ":" in words:  # with which srun separates the parts of a job
            words = ["/bin/sh", "-c", f"exec {shlex.join(words)}"]
        words = [word.replace(_JOB_ID, _PLACE_OF_IT) for word in words]
        request = self._request(app_of(spec, words, self.settings, {})).request
        for replica in request.replicas.values():
            for name in ("output", "error"):  # files in the user's directory; our jobs write logs of their own
                del replica.srun_opts[name]
        return request

    def _output(self, spec: JobSpec) -> str:
        return os.devnull if self.settings.results_url else str(spec.directory / _LOG)

    def _submit(self, spec: JobSpec, only_try: bool = False) -> str:
        """Raises SbatchFailed, NoAnswer and OSError, and may have submitted the job although it does."""
        batch = self._batch(spec)
        with _submission(None if only_try else spec.directory) as lock:
            try:
                done = subprocess.run(
                    [*self._command(batch), *(["--test-only"] if only_try else [])], input=_script(batch),
                    # There is no option of TorchX's for it: what the batch script itself prints.
                    env={**os.environ, "SBATCH_OUTPUT": self._output(spec)},
                    capture_output=True, text=True, check=False, timeout=_PATIENCE, pass_fds=lock,
                    start_new_session=True,  # a Ctrl-C is for the sweeper, and a submission is better finished
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise SbatchFailed(f"sbatch has not ended within {_PATIENCE:g} s") from None
        job_id: str = done.stdout.strip().partition(";")[0]  # "id;cluster" where there are several
        if done.returncode != 0 or not (job_id or only_try):
            raise SbatchFailed(done.stderr.strip() or f"sbatch ended with {done.returncode} and said: {done.stdout}")
        return job_id


def _script(batch: Any) -> str:
    return str(batch.materialize()).replace(_PLACE_OF_IT, _JOB_ID)


@contextmanager
def _submission(directory: Path | None) -> Iterator[tuple[int, ...]]:
    """Held while a job of this directory is being submitted, also by an ``sbatch`` whose sweeper was killed.

    Gives the descriptor to be inherited. Raises NoAnswer where such an ``sbatch`` is still under way.
    """
    if directory is None or not os.access(directory, os.W_OK):
        yield ()
        return
    path = directory / _SUBMITTING
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NoAnswer("an earlier sweeper's sbatch has not ended yet") from None
        except OSError:  # a file system without locks
            pass
        try:
            yield (file.fileno(),)
        finally:
            path.unlink(missing_ok=True)


def _nodes(listed: str) -> list[dict[str, float]]:
    """What each node has that takes jobs, of the lines of ``sinfo -N``, one for each partition that it is in."""
    found = {}
    for line in listed.splitlines():
        name, cpus, memory, gres, state = line.split("|")
        if state.rstrip("*~#!%$@^-").lower() in _TAKES_JOBS:
            gpus = sum(int(count) for count in re.findall(r"\bgpu(?::[^:,()]+)?:(\d+)", gres))
            found[name] = {"cpu": float(cpus), "memory": float(memory), "gpu": float(gpus)}
    return list(found.values())


def _ask_accounting(options: Sequence[str]) -> dict[str, str]:
    try:
        return _ask(["sacct", "-nPX", "-o", "JobID,State", *options])
    except NoAnswer as error:
        if "storage is disabled" in str(error) or isinstance(error.__cause__, FileNotFoundError):
            return {}  # a cluster without accounting
        raise


def _ask(argv: Sequence[str]) -> dict[str, str]:
    """State by job. Raises NoAnswer. Slurm fails alike where it is away and for jobs that it has forgotten."""
    done = _run(argv)
    if done.returncode != 0 and "Invalid job id" not in done.stderr:
        raise NoAnswer(done.stderr.strip() or f"{argv[0]} ended with {done.returncode}")
    return dict(line.strip().split("|", 1) for line in done.stdout.splitlines() if "|" in line)


def _run(argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswer(str(error)) from error


def _state_of(text: str, directory: Path) -> JobState:
    # "CANCELLED by 1000", "COMPLETED+"
    word = text.split()[0].rstrip("+") if text.split() else ""
    if word == "COMPLETED":
        return JobState(Phase.ENDED, 0)
    if word in _ENDED:
        words, cause = f"Slurm ended the job: {word}", _ENDED[word]
        if cause is None and (why := _why_not_begun(directory)):
            return JobState(Phase.ENDED, 1, f"{words}: {why}", Cause.NODE_FAILURE)
        return JobState(Phase.ENDED, 1, words, cause)
    if word == "":
        return JobState(Phase.UNKNOWN)
    # Words that no Slurm of today has are no reason to give a job up: of one that ends, Slurm will say so.
    return JobState(Phase.PENDING if word in _PENDING else Phase.RUNNING)


def _why_not_begun(directory: Path) -> str:
    """What srun said that could not begin the trial; empty where it has begun, and where nothing was said."""
    found = None if (directory / PID).exists() else _NOT_BEGUN.search(read_tail(directory / _LOG, _LOG_BYTES))
    return "" if found is None else found[1].strip()
