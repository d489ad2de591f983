"""Multi-objective Bayesian optimization as a Hydra sweeper.

Importing this package costs next to nothing: it is imported inside every trial, and by training loops of any kind for
``ax_mo.report(step, val_acc=...)``, ``ax_mo.report_model(model)`` and ``ax_mo.should_stop()``, which do nothing where
there is no trial.
In a notebook, ``ax_mo.load(directory)`` gives a study to look at.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ax_mo.notebook import load
    from ax_mo.trial.costs import report_model
    from ax_mo.trial.reporting import report, should_stop

__version__ = "0.1.0"
__all__ = ["__version__", "load", "report", "report_model", "should_stop"]

_WHERE = {
    "load": "ax_mo.notebook",
    "report": "ax_mo.trial.reporting",
    "report_model": "ax_mo.trial.costs",
    "should_stop": "ax_mo.trial.reporting",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
