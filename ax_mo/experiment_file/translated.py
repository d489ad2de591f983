"""A file of another sweeper as an experiment file of ours."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.dialects import translate
from ax_mo.dialects.ax import is_parameter
from ax_mo.errors import AxMoError
from ax_mo.experiment_file.json_schema import SCHEMA_FILE


def translated_file(path: Path) -> str:
    """The text of the experiment file. Raises AxMoError for a file that is in nobody's words."""
    content = _content(path)
    found = translate(_block(content, path.parent))
    if found is None:
        raise AxMoError(
            f"{path} holds nothing of Hydra's Ax, Nevergrad or Optuna sweepers, nor a ConfigSpace: neither below "
            "hydra.sweeper nor as a search space by itself."
        )
    if not found.settings.keys() & {"objectives", "direction"}:
        guess = "Nothing here says which way is better: direction: minimize is a guess. Or name metrics: objectives."
        found = replace(found, settings={"direction": "minimize", **found.settings}, notes=(*found.notes, guess))
    lines = [
        "# @package _global_",
        f"# yaml-language-server: $schema={SCHEMA_FILE}",
        f"# {path.name}, which was written for {found.dialect}.",
        "defaults:",
        "  - override /hydra/sweeper: ax_mo",
        "",
        "hydra:",
        "  sweeper:",
    ]
    return "\n".join(lines) + "\n" + found.as_yaml(4)


def _content(path: Path) -> dict[str, Any]:
    try:
        loaded = OmegaConf.load(path)
    except OSError as error:
        raise AxMoError(f"{path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        raise AxMoError(f"{path} is neither YAML nor JSON: {' '.join(str(error).split())}") from None
    if not isinstance(loaded, DictConfig):
        raise AxMoError(f"{path} holds no mapping.")
    content = OmegaConf.to_container(loaded, resolve=False)
    assert isinstance(content, dict)
    return {str(name): value for name, value in content.items()}


def _block(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What is below ``hydra.sweeper``; of a file without it, all, which may be its parameters alone."""
    hydra = content.get("hydra")
    sweeper = hydra.get("sweeper") if isinstance(hydra, Mapping) else content.get("hydra.sweeper")
    if isinstance(sweeper, Mapping):
        block = {str(name): value for name, value in sweeper.items()}
        if isinstance(block.get("search_space"), str):
            block["search_space"] = _search_space(content, folder)
        return block
    parameters = [value for value in content.values() if isinstance(value, Mapping)]
    return {"params": dict(content)} if parameters and all(map(is_parameter, parameters)) else dict(content)


def _search_space(content: Mapping[str, Any], folder: Path) -> Any:
    """What ``${search_space}`` is, as hypersweeper has it: in the file itself, or the option of a config group."""
    if "search_space" in content:
        return content["search_space"]
    for entry in content.get("defaults") or ():
        option = entry.get("search_space") if isinstance(entry, Mapping) else None
        path = folder / "search_space" / f"{option}.yaml"
        if option is not None and path.is_file():
            return _content(path)
    return None
