"""What Lightning says at every run and nobody needs in a log; its other warnings still show."""

from __future__ import annotations

import logging
import warnings


def hush_lightning() -> None:
    """Silence Lightning's device listing and tips, and two warnings that do not apply to this project."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Lightning 2.6 uses a name that torch has deprecated: nothing a user of Lightning can change.
    warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\)")
    # Tensors in memory need no worker processes.
    warnings.filterwarnings("ignore", message=r".*does not have many workers")
