"""What Lightning's callback costs a training: per epoch inside a trial, and per Trainer anywhere else.

Inside: a Trainer whose epochs take milliseconds and log many metrics; the clock runs in each of the callback's hooks,
and the time of those that come once an epoch is divided by the epochs. The hooks that come once a fit are shown apart.
Outside: the import and the first call of the entry point, and ``import ax_mo``, in processes of their own.

    python benchmarks/callback_cost.py [--epochs 200] [--metrics 20] [--runs 5]
"""

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import Row, median_row, print_table

_HOOKS_OF_EPOCHS = ("on_train_epoch_start", "on_train_epoch_end", "on_validation_end")
_HOOKS_OF_FITS = ("setup", "on_fit_start", "on_train_start", "on_train_end", "on_fit_end")
# A process that makes a Trainer has these already.
_BEFORE = "import os, typing, pathlib, importlib.metadata"
_OUTSIDE = {
    "a Trainer outside a trial": (
        "from ax_mo.trial.lightning import lightning_callbacks; lightning_callbacks()",
        _BEFORE,
        5.0,
    ),
    "import ax_mo": ("import ax_mo", "pass", 30.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=200, help="epochs of a fit (default: 200)")
    parser.add_argument("--metrics", type=int, default=20, help="metrics that each validation logs (default: 20)")
    parser.add_argument("--runs", type=int, default=5, help="fits, and processes of each kind (default: 5)")
    options = parser.parse_args()
    rows = [_outside(what, *how, options.runs) for what, how in _OUTSIDE.items()]
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    fits = [_fit(options.epochs, options.metrics) for _ in range(options.runs)]
    rows += [
        median_row("an epoch", [fit["epoch"] for fit in fits], "ms", 5.0),
        median_row("  of that epoch's own length", [fit["length"] for fit in fits], "ms"),
        median_row("a fit, once", [fit["once"] for fit in fits], "ms"),
    ]
    print_table(f"Lightning's callback, {options.metrics} metrics an epoch", rows)


def _outside(what: str, code: str, before: str, bar: float, runs: int) -> Row:
    timed = f"import time; {before}; start = time.perf_counter(); {code}; print(1e3 * (time.perf_counter() - start))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AX_MO_")}
    argv = [sys.executable, "-c", timed]
    costs = [
        float(subprocess.run(argv, capture_output=True, text=True, check=True, env=environment).stdout)
        for _ in range(runs)
    ]
    return Row(what, statistics.median(costs), "ms", bar, costs)


def _fit(epochs: int, metrics: int) -> dict[str, float]:
    """Milliseconds: in the callback per epoch and per fit, and the length of an epoch."""
    import lightning.pytorch as pl
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from ax_mo.trial import current

    class Task(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self.layer(batch[0]).square().mean()

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log_dict({f"val/metric_{number}": torch.rand(()) for number in range(metrics)})

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.01)

    spent: dict[str, float] = defaultdict(float)

    def timed(hook: Callable[..., None], name: str) -> Callable[..., None]:
        def wrapped(*arguments: Any, **named: Any) -> None:
            start = time.perf_counter()
            hook(*arguments, **named)
            spent[name] += 1e3 * (time.perf_counter() - start)

        return wrapped

    with tempfile.TemporaryDirectory() as name:
        current.enter(Path(name))
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = pl.Trainer(
            max_epochs=epochs, accelerator="cpu", enable_checkpointing=False, default_root_dir=name, **quiet
        )
        current.leave()
        (ours,) = [entry for entry in trainer.callbacks if type(entry).__module__.startswith("ax_mo")]
        for hook in (*_HOOKS_OF_EPOCHS, *_HOOKS_OF_FITS):
            setattr(ours, hook, timed(getattr(ours, hook), hook))
        data = DataLoader(TensorDataset(torch.rand(4, 1)), batch_size=4)
        start = time.perf_counter()
        trainer.fit(Task(), data, data)
        total = 1e3 * (time.perf_counter() - start)
        points = (Path(name) / "curve.jsonl").read_text().count("\n")
        assert points == epochs, points
    return {
        "epoch": sum(spent[hook] for hook in _HOOKS_OF_EPOCHS) / epochs,
        "once": sum(spent[hook] for hook in _HOOKS_OF_FITS),
        "length": total / epochs,
    }


if __name__ == "__main__":
    sys.exit(main())
