"""Search spaces and settings as other sweepers have them: whose words a block is in, and the same in ours."""

from collections.abc import Mapping
from typing import Any

from ax_mo.dialects.ax import translate_ax
from ax_mo.dialects.configspace import translate_configspace
from ax_mo.dialects.nevergrad import translate_nevergrad
from ax_mo.dialects.optuna import translate_optuna
from ax_mo.dialects.translation import Translation
from ax_mo.errors import ConfigError

_REFUSED = (translate_ax, translate_configspace, translate_nevergrad)
"""Optuna's words are read as they are."""


def translate(block: Mapping[str, Any]) -> Translation | None:
    """The block in our words; None where it is in no other's. Raises ConfigError for what is wrong in theirs."""
    return next(filter(None, (dialect(block) for dialect in (*_REFUSED, translate_optuna))), None)


def refuse_other_dialects(block: Mapping[str, Any]) -> None:
    """Raises ConfigError for a block in the words of another sweeper, with the translation to paste."""
    found = next(filter(None, (dialect(block) for dialect in _REFUSED)), None)
    if found is not None:
        raise ConfigError(
            f"hydra.sweeper is in the words of {found.dialect}. Write instead:\n\nhydra:\n  sweeper:\n"
            f"{found.as_yaml(4)}\n(ax-mo init --from FILE writes the file.)"
        )
