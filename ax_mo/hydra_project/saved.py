"""The Hydra project of a study, found again from what its sweep saved, wherever this process runs.

The project's configs are found without importing the user's code, also where they lie in a package.
"""

import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.core.urls import redacted, redacted_words
from ax_mo.errors import AxMoError
from ax_mo.hydra_project.config_diff import Ran
from ax_mo.hydra_project.project import Project, chosen_option, hydras_errors, reason, task_overrides, without_hydra
from ax_mo.trial.files import write_atomically

MULTIRUN = "multirun.yaml"


class Source(NamedTuple):
    """A place of configs, as Hydra notes it."""

    provider: str
    schema: str
    path: str


@dataclass(frozen=True)
class SavedSweep:
    """What ``multirun.yaml`` says of the project; the project itself may be gone."""

    master: DictConfig
    """The sweep's own configuration."""
    sources: tuple[Source, ...]
    """The places of the project's own configs: the program's, then those of ``--config-dir``."""
    cwd: Path
    """Where the sweep was started."""

    @property
    def config_name(self) -> str | None:
        name = self.master.hydra.job.config_name
        return None if name is None else str(name)

    def project_option(self, group: str) -> tuple[bool, Any]:
        """Whether the project's defaults list named the group, as far as the sweep shows, and with which option."""
        if group not in self.master.hydra.runtime.choices:
            return False, None
        for override in OverridesParser.create().parse_overrides(task_overrides(self.master)):
            if override.key_or_group == group and override.package is None:
                return not override.is_add(), None  # what stood there before is not known
        return True, chosen_option(self.master, group)


def save_sweep(config: DictConfig, sweep_dir: Path) -> None:
    """Write ``multirun.yaml`` as Hydra does, but for the passwords of databases in the settings of the sweeper.

    Raises OSError.
    """
    content: Any = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    hydra = content["hydra"]
    hydra["sweeper"] = _without_passwords(hydra["sweeper"])
    hydra["overrides"]["hydra"] = redacted_words(hydra["overrides"]["hydra"])
    write_atomically(sweep_dir / MULTIRUN, OmegaConf.to_yaml(OmegaConf.create(content, flags={"allow_objects": True})))


def _without_passwords(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_passwords(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_passwords(entry) for entry in value]
    return redacted(value) if isinstance(value, str) else value


def saved_sweep(sweep_dir: Path) -> SavedSweep:
    """Raises AxMoError when there is no ``multirun.yaml``, or it is no sweep's."""
    path = sweep_dir / MULTIRUN
    try:
        master = OmegaConf.load(path)
        assert isinstance(master, DictConfig)
        content: Any = OmegaConf.to_container(master.hydra, resolve=False)
        found = [Source(s["provider"], s["schema"], s["path"]) for s in content["runtime"]["config_sources"]]
        own = [s for s in found if s.provider in ("main", "command-line") and s.schema in ("file", "pkg")]
        assert isinstance(content["job"]["config_name"], str | None) and content["runtime"]["choices"] is not None
        return SavedSweep(master, tuple(own), Path(content["runtime"]["cwd"]))
    except FileNotFoundError:
        raise AxMoError(f"{sweep_dir} holds no {MULTIRUN}, which says where the project's configs are.") from None
    except (
        OSError, AssertionError, AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError, OmegaConfBaseException
    ) as error:  # fmt: skip
        why = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
        raise AxMoError(f"{path} does not say where the project's configs are ({why}).") from None


@dataclass(frozen=True)
class SavedProject:
    """The project, composed as the program does it: from where the sweep was started, with its places of modules."""

    sweep: SavedSweep
    sources: tuple[Source, ...]
    modules: tuple[str, ...]
    """Where the program looks for modules first."""

    @property
    def project(self) -> Project:
        return Project(self._loader(self.sources), self.sweep.master)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The directories of the project's own configs."""
        return tuple(Path(source.path) for source in self.sources if source.schema == "file")

    def started(self, config_dir: Path | None, overrides: Sequence[str], instead: tuple[Path, Path]) -> DictConfig:
        """What the program composes from its command line. Raises Hydra's exceptions.

        ``instead`` is a directory of configs, and one whose files count before those.
        """
        sources = [source for source in self.sources if source.provider == "main"]
        if config_dir is not None:
            sources.append(Source("command-line", "file", str(config_dir)))
        root, preferred = instead
        at = next((n for n, s in enumerate(sources) if s.schema == "file" and Path(s.path) == root), len(sources))
        sources.insert(at, Source("promoted", "file", str(preferred)))
        loader = self._loader(sources)
        return loader.load_configuration(
            config_name=self.sweep.config_name, overrides=list(overrides), run_mode=RunMode.RUN
        )

    def as_run(self, config: DictConfig) -> Ran:
        """A configuration that was composed here, to be compared value by value."""
        main = next((Path(s.path) for s in self.sources if s.provider == "main" and s.schema == "file"), None)
        return Ran(without_hydra(config), {}, (str(self.sweep.cwd), "" if main is None else str(main.parent)))

    def _loader(self, sources: Sequence[Source]) -> ConfigLoaderImpl:
        # As Hydra does at every start, and with the plugins' own places and configs.
        search_path = create_config_search_path(None)
        for source in sources:
            anchor = SearchPathQuery(provider="schema")
            search_path.prepend(source.provider, f"{source.schema}://{source.path}", anchor=anchor)
        return _LoaderThere(search_path, self.sweep.cwd, self.modules)


def saved_project(
    sweep: SavedSweep, script: Path | None = None, near: Path | None = None, started: str | None = None
) -> SavedProject:
    """The project of a sweep. Raises AxMoError when the directories of its configs are gone.

    ``script`` is the program's file, and ``started`` where it was started, if not where it called Hydra. A project that
    was moved is found again above ``near``, a path in its configs.
    What the program registers in Hydra's ConfigStore is not known here: a project that needs it does not compose.
    """
    place = Path(started or sweep.cwd)
    modules = [str(place if script is None else (place / script).parent), str(sweep.cwd)]
    sources = tuple(_here(_as_file(source, modules), sweep.config_name, near) for source in sweep.sources)
    return SavedProject(sweep, sources, tuple(modules))


def _as_file(source: Source, modules: Sequence[str]) -> Source:
    """A package of configs as the directory that it is, found without importing it: that would run the user's code."""
    if source.schema == "pkg":
        for place in [*modules, *sys.path]:
            directory = Path(place, *source.path.split("."))
            if (directory / "__init__.py").is_file():
                return source._replace(schema="file", path=str(directory))
    return source


def _here(source: Source, config_name: str | None, near: Path | None) -> Source:
    if source.schema != "file" or Path(source.path).is_dir():
        return source
    if source.provider == "main" and near is not None and config_name is not None:
        primary = config_name if config_name.endswith(".yaml") else f"{config_name}.yaml"
        for directory in near.parents:
            if (directory / primary).is_file():
                return source._replace(path=str(directory))
    raise AxMoError(f"The project's config directory {source.path} is gone; was the project moved?")


class _LoaderThere(ConfigLoaderImpl):
    """Composes from another working directory: relative ``hydra.searchpath``, packages, ``hydra.runtime.cwd``."""

    def __init__(self, search_path: Any, cwd: Path, modules: Sequence[str]) -> None:
        super().__init__(search_path)
        self._cwd = cwd
        self._modules = list(modules)

    def load_configuration(self, *args: Any, **kwargs: Any) -> DictConfig:
        with self._there(), hydras_errors():
            return super().load_configuration(*args, **kwargs)

    def get_group_options(self, *args: Any, **kwargs: Any) -> list[str]:
        with self._there():
            return super().get_group_options(*args, **kwargs)

    @contextmanager
    def _there(self) -> Iterator[None]:
        before = list(sys.path)
        directory = chdir(self._cwd) if self._cwd.is_dir() else nullcontext()
        with directory, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Hydra, about the project: its own runs show them
            sys.path[:0] = self._modules
            try:
                yield
            finally:
                sys.path[:] = before


def why_not(error: HydraException | OmegaConfBaseException) -> str:
    """Why the project does not compose here."""
    text = re.split(" (?:Config s|S)earch path:", reason(error))[0]
    return f"the project does not compose from its files alone: {text}"


REGISTERED = (
    "A project with structured configs that its script registers in Hydra's ConfigStore cannot be composed without "
    "that script: for a trial on the front, use the file below pareto/ in the sweep directory."
)
"""The likeliest cause."""
