"""The size of a trial's model, which is a cost of the trial, and the costs in ``lightning.json``.

Nothing here imports torch: whoever has a module has imported it.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any

from ax_mo.trial import current
from ax_mo.trial.files import LIGHTNING, read_json, write_json

log = logging.getLogger("ax_mo")

MODEL = "model"
"""The costs that ``report_model`` recorded, beside those of Lightning's Trainers, and before them."""


def size_of(module: Any) -> dict[str, float]:
    """``num_params`` (trainable) and ``num_params_total`` of a PyTorch module.

    Lazy parameters have no size yet and count nothing; those on the meta device have theirs.
    """
    is_lazy = getattr(sys.modules.get("torch.nn.parameter"), "is_lazy", lambda _parameter: False)
    sizes = [
        (int(getattr(parameter, "ds_numel", 0)) or parameter.numel(), parameter.requires_grad)
        for parameter in module.parameters()
        if not is_lazy(parameter)
    ]
    return {
        "num_params": sum(size for size, trained in sizes if trained),
        "num_params_total": sum(size for size, _ in sizes),
    }


def report_model(model: Any) -> None:
    """Record ``num_params`` (trainable) and ``num_params_total`` of a PyTorch module as costs of the trial.

    Call it as soon as the model is made: the size is known to early stopping then. The last model counts. Does nothing
    outside a trial and in any process but rank 0, and never raises.
    """
    try:
        trial = current.directory()
        if trial is None or current.rank() != 0:
            return
        record = read_json(trial / LIGHTNING) or {}
        write_json(trial / LIGHTNING, {**record, MODEL: size_of(model)})
    except Exception as error:
        log.warning("ax_mo.report_model: nothing is recorded of %.200s: %r", type(model).__name__, error)


def recorded_costs(record: Mapping[str, Any]) -> dict[str, Any]:
    """The costs in the content of ``lightning.json``: what was said of the model counts before what was counted."""
    groups = (record.get(name) for name in ("costs", MODEL))
    return {name: value for group in groups if isinstance(group, Mapping) for name, value in group.items()}
