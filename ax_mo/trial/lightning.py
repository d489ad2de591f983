"""Entry points that Lightning loads into every Trainer of every process on this machine: they must cost nothing.

``pytorch_lightning`` and ``lightning`` are separate packages with separate classes, hence two of them.
"""

import os
from typing import Any

_DIRECTORY = "AX_MO_TRIAL_DIR"  # ax_mo.trial.current.DIRECTORY, without the cost of importing it


def pytorch_lightning_callbacks() -> list[Any]:
    """The recorder for a Trainer of ``pytorch_lightning`` inside a trial; nothing elsewhere."""
    return _callbacks("PytorchLightningRecorder")


def lightning_callbacks() -> list[Any]:
    """The recorder for a Trainer of ``lightning.pytorch`` inside a trial; nothing elsewhere."""
    return _callbacks("LightningRecorder")


def _callbacks(recorder: str) -> list[Any]:
    if not os.environ.get(_DIRECTORY):
        return []
    try:
        from ax_mo.trial import current, lightning_callback

        return [getattr(lightning_callback, recorder)(current.directory())]
    except Exception as error:  # somebody's Trainer is being made: without us rather than not at all
        import logging

        logging.getLogger("ax_mo").warning("ax_mo records nothing of this Trainer: %r", error)
        return []
