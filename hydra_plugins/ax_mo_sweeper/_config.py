"""The structured config of ``hydra/sweeper=ax_mo``: the settings, and what Hydra needs besides them."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import ValidationError

from ax_mo.hydra_project.compat import CheckedText, put_checked
from ax_mo.sweep.settings import Settings


@dataclass
class AxMoSweeperConf(Settings):
    """``hydra.sweeper``."""

    _target_: str = "hydra_plugins.ax_mo_sweeper.sweeper.AxMoSweeper"

    # Nothing here is an object: a sampler's _target_ must not be called.
    _recursive_: bool = False

    # A place for "override /hydra/sweeper/sampler: tpe", which experiments written for Optuna may hold; optional, since
    # Optuna has more samplers than are known here.
    # The torchx launcher, unless the user chooses one. Plain "override /hydra/launcher" would be looked up below
    # hydra.sweeper; this is the one spelling that works, on Hydra 1.3 and 1.4.
    defaults: list[Any] = field(
        default_factory=lambda: [
            {"optional sampler": None},
            {"override /hydra/launcher@_global_.hydra.launcher": "torchx"},
            "_self_",
        ]
    )


class _OwnTarget(CheckedText):
    """``hydra.sweeper._target_``, which blocks written for Optuna name too, and would start that sweeper instead."""

    def check(self, value: Any) -> None:
        if str(value).startswith("hydra_plugins.hydra_optuna_sweeper."):
            raise ValidationError(f"'{value}' is another sweeper: delete the line '_target_' below hydra.sweeper.")


def sweeper_node() -> Any:
    """The config as Hydra's store has it."""
    node = OmegaConf.structured(AxMoSweeperConf)
    try:
        put_checked(node, "_target_", _OwnTarget)
    except Exception:  # private names of OmegaConf: whatever becomes of them, no app may fail because we are installed
        node = OmegaConf.structured(AxMoSweeperConf)
    for opened in (node, node.early_stopping, node.stop_when):
        # Open to any key: what is the user's to name needs no "+" on the command line, and of a wrong name we say more
        # than Hydra does.
        OmegaConf.set_struct(opened, False)
    return node
