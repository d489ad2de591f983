"""The Hydra callback that a sweep injects into each of its trials: it records what the task returned."""

import os
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback

from ax_mo.trial.files import RESULT, SCHEMA, SPEC, read_json, write_json
from ax_mo.trial.metrics import MetricError, as_json, metrics_from


class ResultRecorder(Callback):
    """Writes ``result.json`` in the run's output directory, from rank 0 alone.

    Hydra turns exceptions of callbacks into warnings, and a task that ends by ``sys.exit`` or a signal never gets
    here: the sweeper takes a missing file for a failed trial.
    """

    def __init__(self) -> None:
        self._started = _now()

    def on_job_start(self, config: Any, **_: Any) -> None:
        self._started = _now()

    def on_job_end(self, config: Any, job_return: Any, **_: Any) -> None:
        value = job_return._return_value
        if isinstance(value, BaseException) and not isinstance(value, Exception):
            # Hydra 1.4 comes here for sys.exit() too, where 1.3 does not; the exit code says how it ended.
            return
        if _rank() != 0:
            return
        directory = Path(str(config.hydra.runtime.output_dir))
        spec = read_json(directory / SPEC)
        if spec is None:
            return  # a run that is no trial, such as one of a promoted config
        write_json(directory / RESULT, result_of(job_return, spec, self._started))


def result_of(job_return: Any, spec: dict[str, Any], started: str) -> dict[str, Any]:
    """The content of ``result.json`` for a job that has returned or raised."""
    metrics: dict[str, float] = {}
    error: dict[str, str] | None = None
    value = job_return._return_value  # .return_value would raise the job's own exception
    extra: dict[str, Any] = {}
    if isinstance(value, BaseException):
        trace = "".join(traceback.format_exception(type(value), value, value.__traceback__))
        error = {"type": type(value).__name__, "message": str(value), "traceback": trace}
    elif "objectives" not in spec:  # a job of another sweeper, which wants the value itself
        extra["value"] = as_json(value)
    else:
        try:
            metrics = metrics_from(value, spec["objectives"], spec.get("required", []))
        except MetricError as problem:
            error = {"type": "MetricError", "message": str(problem), "traceback": ""}
    return {
        "schema": SCHEMA,
        "trial": spec.get("trial"),
        "attempt": spec.get("attempt"),
        "status": "failed" if error else "completed",
        "metrics": metrics,
        "error": error,
        "started": started,
        "ended": _now(),
        **extra,
    }


def _rank() -> int:
    """This process's rank under torchrun, Slurm's srun or Lightning's own launcher; 0 when alone."""
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            return int(value)
    return 0


def _now() -> str:
    return datetime.now(UTC).isoformat()
