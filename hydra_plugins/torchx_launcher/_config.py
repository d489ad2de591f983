"""The structured config of ``hydra/launcher=torchx``: the settings, and what Hydra needs besides them."""

from dataclasses import dataclass
from typing import Any

from omegaconf import OmegaConf

from ax_mo.runner.settings import LauncherSettings


@dataclass
class TorchXLauncherConf(LauncherSettings):
    """``hydra.launcher``."""

    _target_: str = "hydra_plugins.torchx_launcher.launcher.TorchXLauncher"


def launcher_node() -> Any:
    """The config as Hydra's store has it."""
    node = OmegaConf.structured(TorchXLauncherConf)
    # Open to any key: what is the user's to name needs no "+" on the command line, and of a wrong name we say more than
    # Hydra does.
    OmegaConf.set_struct(node, False)
    return node
