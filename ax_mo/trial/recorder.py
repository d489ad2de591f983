"""The Hydra callback that a sweep injects into each of its trials: it records what the trial gave."""

import logging
import os
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback

from ax_mo.trial import current
from ax_mo.trial.files import CURVE, LIGHTNING, RESULT, SPEC, read_json, remove, write_json
from ax_mo.trial.result import now, recorded_result
from ax_mo.trial.watches import Heartbeat, MemoryWatch, peak_of_gpu

log = logging.getLogger("ax_mo")

_MIB = 2**20


class ResultRecorder(Callback):
    """Writes ``result.json`` in the run's output directory, from rank 0 alone.

    On every rank it says which trial the process belongs to, for ``report()`` and Lightning's callback. Where launchers
    start jobs in one process, it ``gives_environment`` as well: that which ``trial.json`` holds.

    Hydra turns exceptions of callbacks into warnings, and a task that ends by ``sys.exit`` or a signal never gets
    here: the sweeper takes a missing file for a failed trial.

    A trial that has its result keeps it: its command may be pasted into a shell, or its job be queued again. But what a
    job failed of before Slurm queued it again may well be that.
    """

    def __init__(self, gives_environment: bool = False) -> None:
        self._gives_environment = gives_environment
        self._started = now()
        self._records = True
        self._attempt: Any = None
        self._heartbeat: Heartbeat | None = None
        self._memory: MemoryWatch | None = None

    def on_job_start(self, config: Any, **_: Any) -> None:
        self._started = now()
        self._leave()  # the job before, in the same process, may have ended by sys.exit()
        directory = Path(str(config.hydra.runtime.output_dir))
        finished = _is_finished(directory)
        failed_before = finished and _is_queued_again() and _has_failed(directory)
        self._records = not finished or failed_before
        if not self._records:
            log.warning("This trial has its result; what this run of it gives is not recorded.")
        elif (directory / SPEC).exists():
            spec = read_json(directory / SPEC) or {}
            self._attempt = spec.get("attempt")
            current.enter(directory, spec.get("env") if self._gives_environment else None)
            if current.rank() == 0:
                self._heartbeat = Heartbeat(directory)
                self._memory = MemoryWatch(shares_process=self._gives_environment)
                if failed_before:
                    for name in (RESULT, CURVE, LIGHTNING):
                        remove(directory / name)

    def on_job_end(self, config: Any, job_return: Any, **_: Any) -> None:
        try:
            if self._records:
                self._record(config, job_return)
        finally:
            self._leave()

    def _leave(self) -> None:
        current.leave()
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None
        if self._memory is not None:
            self._memory.stop()
            self._memory = None

    def _record(self, config: Any, job_return: Any) -> None:
        value = job_return._return_value
        if isinstance(value, BaseException) and not isinstance(value, Exception):
            # Hydra 1.4 comes here for sys.exit() too, where 1.3 does not; the exit code says how it ended.
            return
        if current.rank() != 0:
            return
        directory = current.present(Path(str(config.hydra.runtime.output_dir)))
        spec = read_json(directory / SPEC)
        if spec is None:
            return  # a run that is no trial, such as one of a promoted config
        if spec.get("attempt") != self._attempt:
            log.warning(
                "This trial was taken for lost and was started again; what this run of it gives is not recorded."
            )
            return
        write_json(directory / RESULT, recorded_result(job_return, spec, self._started, directory, self._costs()))

    def _costs(self) -> dict[str, float]:
        """What every trial costs, whatever it trains."""
        costs = {"trial_seconds": round(current.seconds(), 3)}
        try:
            if self._memory is not None:
                costs["peak_memory_mb"] = round(self._memory.peak() / _MIB, 1)
            if (of_gpu := peak_of_gpu()) is not None:
                costs["peak_cuda_memory_mb"] = round(of_gpu / _MIB, 1)
        except Exception as error:  # of a system unlike others: no trial ends for want of it
            log.warning("The memory of this trial is not known: %r", error)
        return costs


def _is_finished(directory: Path) -> bool:
    """Whether the trial's attempt has left its result before this run of it."""
    spec, result = read_json(directory / SPEC), read_json(directory / RESULT)
    if spec is None or result is None:
        return False
    return all(result.get(name) == spec.get(name) for name in ("trial", "attempt"))


def _is_queued_again() -> bool:
    """Whether this process belongs to a Slurm job that has run before: it was preempted, or its node failed."""
    count = os.environ.get("SLURM_RESTART_COUNT", "")
    return count.isdecimal() and int(count) > 0


def _has_failed(directory: Path) -> bool:
    return (read_json(directory / RESULT) or {}).get("status") == "failed"
