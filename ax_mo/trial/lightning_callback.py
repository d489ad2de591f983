"""The callback that records a Trainer's metrics and costs, and ends its fit when the sweep says so.

Steps of the learning curve are Lightning's epochs, from 0. A fit that validates more than once an epoch
(``val_check_interval``, ``check_val_every_n_epoch=None``) has the number of the validation instead.

Every rank has the callback and takes the same way through it: looking at ``trainer.callback_metrics`` may reduce a
metric over all ranks, and a fit ends on all ranks or none. Rank 0 alone reads and writes files, and what fails there
must not keep it from the next thing that the ranks do together: they would wait for it forever.
"""

import functools
import importlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ax_mo.trial import current
from ax_mo.trial.costs import size_of
from ax_mo.trial.curve import append
from ax_mo.trial.files import CURVE, LIGHTNING, read_json, write_json
from ax_mo.trial.numbers import as_json, as_number

log = logging.getLogger("ax_mo")

_PACKAGES = {"LightningRecorder": "lightning.pytorch", "PytorchLightningRecorder": "pytorch_lightning"}


def __getattr__(name: str) -> Any:
    # Classes are made at first use, each of its own package's Callback; strategies that spawn find them by name.
    if name not in _PACKAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    base = importlib.import_module(_PACKAGES[name]).Callback
    made = type(name, (_Recorder, base), {"__module__": __name__, "__doc__": _Recorder.__doc__})
    globals()[name] = made
    return made


def _never_raises(hook: Callable[..., None]) -> Callable[..., None]:
    """A fault of ours is a warning: nobody's training ends because of it."""

    @functools.wraps(hook)
    def guarded(self: "_Recorder", *arguments: Any, **named: Any) -> None:
        try:
            hook(self, *arguments, **named)
        except Exception as error:
            if hook.__name__ not in self._failed:
                self._failed.add(hook.__name__)
                log.warning("ax_mo records nothing in %s: %r", hook.__name__, error)

    return guarded


class _Recorder:
    """Records a Trainer's learning curve, final metrics and costs for the sweep that runs this trial."""

    def __init__(self, trial: Path) -> None:
        super().__init__()
        self._directory = trial
        self._failed: set[str] = set()
        self._size: dict[str, float] = {}
        self._fit = 1
        self._begun = 0.0
        self._by_validation = False
        self._validations = 0
        self._validated = False
        self._ended_epoch: int | None = None
        self._minima: tuple[Any, Any] | None = None
        self._told = False

    @property
    def _trial(self) -> Path:
        return current.present(self._directory)

    # The fit as a whole

    @_never_raises
    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        self._size = size_of(pl_module)

    @_never_raises
    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        self._begun = time.perf_counter()
        self._validations, self._validated, self._ended_epoch = 0, False, None
        self._measure(pl_module)
        if not _writes(trainer):
            return
        record = self._record()
        record["started"] += 1
        self._fit = record["started"]
        if record["fits"] == 0:  # known while the trial runs; a completed fit's stay until another is completed
            record["costs"].update(self._size)
        write_json(self._trial / LIGHTNING, record)

    @_never_raises
    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        batches, interval = trainer.num_training_batches, trainer.val_check_batch
        self._by_validation = trainer.enable_validation and (
            trainer.check_val_every_n_epoch is None or interval is None or interval < batches
        )

    @_never_raises
    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        self._restore_minima(trainer)
        metrics = logged_numbers(trainer.callback_metrics)
        if not _writes(trainer):
            return
        self._measure(pl_module)
        record = self._record()
        record["fits"] += 1
        record["last"] = self._fit
        earlier = [name for name in record["metrics"] if name not in metrics]
        record["metrics"].update(as_json(metrics))
        record["fitted"] = sorted(metrics)
        record["costs"].update(self._size, fit_seconds=time.perf_counter() - self._begun)
        write_json(self._trial / LIGHTNING, record)
        if (fits := record["fits"]) > 1:
            # Such as a pretraining's loss, or the accuracy before a last fit on all the data: nothing else has them.
            kept = f" From before it are still: {', '.join(earlier)}." if earlier else ""
            log.warning("%d fits have been completed in this trial: the last one's metrics count.%s", fits, kept)

    @_never_raises
    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self._restore_minima(trainer)

    def _measure(self, pl_module: Any) -> None:
        # The most counts: a strategy that shards leaves a part of each parameter here, lazy ones get their shapes.
        now = size_of(pl_module)
        if now["num_params_total"] > self._size.get("num_params_total", 0):
            self._size = now

    # Its epochs

    @_never_raises
    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self._end_epoch(trainer)

    @_never_raises
    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self._end_epoch(trainer)

    @_never_raises
    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        # The module may log in its own on_train_epoch_end, after this: the point is taken when the epoch is over.
        self._ended_epoch = trainer.current_epoch
        self._look_for_stop(trainer)

    @_never_raises
    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        if trainer.state.fn == "validate":
            self._merge(trainer)
        elif trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._validated = True
            if self._by_validation:
                self._add_to_curve(trainer, self._validations)
                self._validations += 1
                self._look_for_stop(trainer)

    @_never_raises
    def on_test_end(self, trainer: Any, pl_module: Any) -> None:
        # A search on a metric of the fit must not become one on the test's data because both have its name.
        self._merge(trainer, keep_fitted=True)

    def _end_epoch(self, trainer: Any) -> None:
        epoch, self._ended_epoch = self._ended_epoch, None
        if epoch is None or self._by_validation:
            return
        if self._validated or not (trainer.enable_validation and sum(trainer.num_val_batches)):
            self._add_to_curve(trainer, epoch)
        self._validated = False

    @_never_raises  # or a disk that is full would take rank 0, which alone writes, another way than the others
    def _add_to_curve(self, trainer: Any, step: int) -> None:
        metrics = logged_numbers(trainer.callback_metrics)
        if metrics and _writes(trainer):
            append(self._trial / CURVE, step, current.seconds(), metrics, self._fit)

    # Stopping

    def _look_for_stop(self, trainer: Any) -> None:
        reason = self._requested(trainer)
        if not trainer.strategy.reduce_boolean_decision(reason is not None, all=False) or _is_over(trainer):
            return
        loop = trainer.fit_loop
        if self._minima is None:
            # The user's min_epochs is meant for their own EarlyStopping; the sweep has min_steps of its own.
            self._minima = (loop.min_epochs, loop.epoch_loop.min_steps)
            loop.min_epochs, loop.epoch_loop.min_steps = 0, None
        trainer.should_stop = True
        if reason is not None:
            if not self._told:
                log.info("The sweep stops this trial after epoch %d: %s", trainer.current_epoch, reason)
                self._told = True
            current.acknowledge_stop(self._trial, reason)

    def _requested(self, trainer: Any) -> str | None:
        try:
            return current.stop_requested(self._trial) if _writes(trainer) else None
        except Exception:  # the other ranks wait for an answer
            return None

    def _restore_minima(self, trainer: Any) -> None:
        if self._minima is not None:
            trainer.fit_loop.min_epochs, trainer.fit_loop.epoch_loop.min_steps = self._minima
            self._minima = None

    # The record

    def _merge(self, trainer: Any, keep_fitted: bool = False) -> None:
        """Add what a validation or a test has logged, and the module's size where no fit has told it."""
        metrics = logged_numbers(trainer.callback_metrics)
        if not _writes(trainer):
            return
        record = self._record()
        kept = record["fitted"] if keep_fitted else ()
        record["metrics"].update(as_json({name: value for name, value in metrics.items() if name not in kept}))
        record["costs"] = {**self._size, **record["costs"]}
        write_json(self._trial / LIGHTNING, record)

    def _record(self) -> dict[str, Any]:
        found = read_json(self._trial / LIGHTNING) or {}
        return {"costs": {}, "metrics": {}, "fitted": [], "fits": 0, "started": 0, **found}


def logged_numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Those of Lightning's metrics that are numbers."""
    return {str(name): number for name, value in metrics.items() if (number := as_number(value)) is not None}


def _writes(trainer: Any) -> bool:
    """Rank 0 of the Trainer in rank 0 of the trial, whose other ranks may have Trainers of one process each."""
    return bool(trainer.is_global_zero) and current.rank() == 0


def _is_over(trainer: Any) -> bool:
    """Whether the fit has come to its own end, so that there is nothing to stop."""
    epochs, steps = trainer.max_epochs, trainer.max_steps
    loop = trainer.fit_loop
    processed = loop.epoch_progress.current.processed
    if trainer.validating and loop.epoch_loop.batch_progress.is_last_batch:  # it counts as processed after that
        processed += 1
    return bool((epochs or -1) != -1 and processed >= epochs) or (steps != -1 and trainer.global_step >= steps)
