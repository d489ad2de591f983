"""The Hydra project of a study, found again from what its sweep saved: nothing of the user's code is imported."""

from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.errors import AxMoError
from ax_mo.project import Project

MULTIRUN = "multirun.yaml"


def saved_project(sweep_dir: Path) -> tuple[Project, list[Path]]:
    """The project that ``multirun.yaml`` was composed from, and the directories of its own configs.

    Raises AxMoError when the file is no sweep's or those directories are gone. What the user's script registers in
    Hydra's ConfigStore is not known here: a project that needs it does not compose.
    """
    path = sweep_dir / MULTIRUN
    try:
        master = OmegaConf.load(path)
        assert isinstance(master, DictConfig)
        content: Any = OmegaConf.to_container(master.hydra.runtime, resolve=False)
        sources = [(s["provider"], s["schema"], s["path"]) for s in content["config_sources"]]
    except FileNotFoundError:
        raise AxMoError(f"{sweep_dir} holds no {MULTIRUN}, which says where the project's configs are.") from None
    except (OSError, AssertionError, KeyError, TypeError, OmegaConfBaseException, ValueError) as error:
        raise AxMoError(f"{path} does not say where the project's configs are: {error!r}") from None
    own = [source for source in sources if source[0] in ("main", "command-line") and source[1] in ("file", "pkg")]
    directories = [Path(place) for _, schema, place in own if schema == "file"]
    gone = next((directory for directory in directories if not directory.is_dir()), None)
    if gone is not None:
        raise AxMoError(f"The project's config directory {gone} is gone; was the project moved?")
    # As Hydra does at every start, and with the plugins' own places and configs.
    search_path = create_config_search_path(None)
    for provider, schema, place in own:
        search_path.prepend(provider, f"{schema}://{place}", anchor=SearchPathQuery(provider="schema"))
    return Project(ConfigLoaderImpl(search_path), master), directories


def why_not(error: HydraException | OmegaConfBaseException) -> str:
    """Why the project does not compose here, with the likeliest cause."""
    text = " ".join(str(error).split())
    return (
        f"the project does not compose from its files alone: {text} A project with structured configs that its script "
        "registers in Hydra's ConfigStore cannot be composed without that script: for a trial on the front, use the "
        "file below pareto/ in the sweep directory."
    )
