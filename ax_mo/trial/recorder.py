"""The Hydra callback that a sweep injects into each of its trials: it writes what the trial gave, ``result.json``."""

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback

from ax_mo.trial import current
from ax_mo.trial.files import CURVE, LIGHTNING, RESULT, SCHEMA, SPEC, read_json, remove, write_json
from ax_mo.trial.imports import report_imports
from ax_mo.trial.metric_sources.differences import describe_differences
from ax_mo.trial.metric_sources.precedence import choose_metrics
from ax_mo.trial.metric_sources.source import MetricError, TrialOutput
from ax_mo.trial.numbers import as_json, as_number
from ax_mo.trial.result import now
from ax_mo.trial.untrusted import MOST_BYTES, is_too_deep, measured, storable, storable_name
from ax_mo.trial.watches import Heartbeat, MemoryWatch, peak_of_gpu

log = logging.getLogger("ax_mo")

_MIB = 2**20
_LONGEST_MESSAGE = 10_000
_LONGEST_ENTRY = 4000
"""Of a traceback: a line of code or a message."""
_LONGEST_TRACEBACK = 40_000


class ResultRecorder(Callback):
    """Writes ``result.json`` in the run's output directory, from rank 0 alone.

    On every rank it says which trial the process belongs to, for ``report()`` and Lightning's callback. Where launchers
    start jobs in one process, it ``gives_environment`` as well: that which ``trial.json`` holds.

    Hydra turns exceptions of callbacks into warnings, and a task that ends by ``sys.exit`` or a signal never gets
    here: the sweeper takes a missing file for a failed trial.

    A trial that has its result keeps it: its command may be pasted into a shell, or its job be queued again. Only a
    failure that was recorded before Slurm queued the job again is replaced.
    """

    def __init__(self, gives_environment: bool = False) -> None:
        self._gives_environment = gives_environment
        self._started = now()
        self._records = True
        self._attempt: Any = None
        self._heartbeat: Heartbeat | None = None
        self._memory: MemoryWatch | None = None
        self._task: Any = None

    def on_job_start(self, config: Any, task_function: Any = None, **_: Any) -> None:
        self._started = now()
        self._task = task_function
        self._leave()  # the job before, in the same process, may have ended by sys.exit()
        directory = Path(str(config.hydra.runtime.output_dir))
        spec, result = read_json(directory / SPEC), read_json(directory / RESULT)
        if spec is None:
            return  # a run that is no trial, such as one of a promoted config
        has_result = result is not None and all(result.get(name) == spec.get(name) for name in ("trial", "attempt"))
        failed_before = has_result and _is_queued_again() and (result or {}).get("status") == "failed"
        self._records = not has_result or failed_before
        if not self._records:
            log.warning("This trial has its result; what this run of it gives is not recorded.")
            return
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
        for watch in (self._heartbeat, self._memory):
            if watch is not None:
                watch.stop()
        self._heartbeat = self._memory = None

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
        costs = self._costs()
        with suppress(OSError):
            report_imports(directory, self._task)
        # The last of what it writes: a trial with its result does not run again, and nothing looks after its files.
        write_json(directory / RESULT, recorded_result(job_return, spec, self._started, directory, costs))

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


def _is_queued_again() -> bool:
    """Whether this process belongs to a Slurm job that has run before: it was preempted, or its node failed."""
    count = os.environ.get("SLURM_RESTART_COUNT", "")
    return count.isdecimal() and int(count) > 0


def recorded_result(
    job_return: Any, spec: dict[str, Any], started: str, directory: Path, built_in: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """The content of ``result.json`` for a job that has returned or raised and whose files are in ``directory``.

    ``built_in`` are the costs that every trial has, where the job itself is asked.
    """
    value = job_return._return_value  # .return_value would raise the job's own exception
    error = _error_content(value) if isinstance(value, BaseException) else None
    stopped = current.acknowledged(directory)
    given: dict[str, Any] = {}
    try:
        if error is None or stopped is not None:
            given = _given(value, spec, directory, stopped, built_in)
    except Exception as problem:  # also of a value that nobody thought of: Hydra's warning alone would reach nobody
        before = "" if isinstance(problem, MetricError) else "what the task gave cannot be recorded: "
        error = error or _error_content(problem, before)
    return _within_limits({
        "schema": SCHEMA,
        "trial": spec.get("trial"),
        "attempt": spec.get("attempt"),
        "status": "failed" if error and stopped is None else "completed",
        "metrics": {},
        "error": error,
        "started": started,
        "ended": now(),
        **given,
        **({} if stopped is None else {"stopped": stopped}),
    }, spec)  # fmt: skip


def _within_limits(result: dict[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """The result without what would make it larger or deeper than its reader takes."""
    text = json.dumps(result, ensure_ascii=False)
    if len(text.encode("utf-8", "replace")) <= MOST_BYTES * 0.9 and not is_too_deep(text):
        return result
    log.warning("What the task gave is too much to be recorded: only the metrics that the study needs are.")
    metrics = {name: value for name, value in result["metrics"].items() if name in spec.get("required", ())}
    small = {name: value for name, value in result.items() if name not in ("value", "sources", "differences")}
    return {**small, "metrics": metrics}


def _error_content(error: BaseException, before: str = "") -> dict[str, str]:
    """Whatever the exception is: its texts may be long, or raise exceptions themselves."""
    try:
        message = str(error)
    except Exception as problem:
        message = f"(its message cannot be shown: {type(problem).__name__})"
    try:
        entries = traceback.format_exception(type(error), error, error.__traceback__)
    except Exception:
        entries = []
    trace = "".join(storable(entry, _LONGEST_ENTRY) for entry in entries)[-_LONGEST_TRACEBACK:]
    return {
        "type": storable_name(type(error).__name__),
        "message": storable(f"{before}{message}", _LONGEST_MESSAGE),
        "traceback": trace,
    }


def _given(
    value: Any, spec: dict[str, Any], directory: Path, stopped: str | None, built_in: Mapping[str, float] | None
) -> dict[str, Any]:
    """The trial's metrics, and what else ``result.json`` says about them. Raises MetricError."""
    if "objectives" not in spec:  # a job of another sweeper, which wants the value itself
        return {"value": as_json(value)}
    for stream in (sys.stdout, sys.stderr):  # what the task has printed may be where its metrics are
        with suppress(AttributeError, OSError, ValueError):  # they may be closed, or none
            stream.flush()
    trial = TrialOutput(directory, spec, {} if isinstance(value, BaseException) else value)
    chosen = choose_metrics(trial, spec.get("required", []), stopped is not None, built_in)
    metrics = {storable_name(name): number for name, number in chosen.metrics.items()}
    given: dict[str, Any] = {"metrics": metrics, "sources": chosen.sources}
    if len(spec["objectives"]) > 1 and (number := measured(as_number(value))) is not None:
        given["value"] = number  # which has no name
    if chosen.differences:
        log.warning("%s.", describe_differences(chosen.differences))
        given["differences"] = [as_json(asdict(difference)) for difference in chosen.differences]
    if dropped := trial.curve.dropped:
        log.warning("%d points or values of the learning curve were dropped: repeated or not finite.", dropped)
        given["dropped"] = dropped
    return given
