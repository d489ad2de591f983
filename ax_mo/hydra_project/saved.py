"""What a sweep saves of its configuration, ``multirun.yaml``, and what that tells of the project afterwards."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.core.urls import redacted, redacted_words
from ax_mo.errors import AxMoError
from ax_mo.hydra_project.program import Program
from ax_mo.trial.files import write_atomically

MULTIRUN = "multirun.yaml"


class ConfigPlace(NamedTuple):
    """A place of configs, as Hydra notes it."""

    provider: str
    schema: str
    path: str


def sources_of(config: DictConfig) -> list[ConfigPlace]:
    """The places of a project's own configs in a composed configuration: the program's, then ``--config-dir``'s."""
    content: Any = OmegaConf.to_container(config.hydra.runtime, resolve=False)
    found = [ConfigPlace(s["provider"], s["schema"], s["path"]) for s in content["config_sources"]]
    return [s for s in found if s.provider in ("main", "command-line") and s.schema in ("file", "pkg")]


@dataclass(frozen=True)
class SavedSweep:
    """What ``multirun.yaml`` says of the project; the project itself may be gone."""

    master: DictConfig
    """The sweep's own configuration."""
    sources: tuple[ConfigPlace, ...]
    cwd: Path
    """Where Hydra was called."""

    @property
    def environment(self) -> dict[str, str]:
        """What the launcher adds to the environment of every trial."""
        given = OmegaConf.select(self.master, "hydra.launcher.env")
        content = OmegaConf.to_container(given, resolve=False) if isinstance(given, DictConfig) else None
        return {str(name): str(value) for name, value in content.items()} if isinstance(content, dict) else {}


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
        assert isinstance(master, DictConfig) and isinstance(master.hydra.job.config_name, str | None)
        assert master.hydra.runtime.choices is not None
        return SavedSweep(master, tuple(sources_of(master)), Path(master.hydra.runtime.cwd))
    except FileNotFoundError:
        raise AxMoError(f"{sweep_dir} holds no {MULTIRUN}, which says where the project's configs are.") from None
    except (
        OSError, AssertionError, AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError, OmegaConfBaseException
    ) as error:  # fmt: skip
        why = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
        raise AxMoError(f"{path} does not say where the project's configs are ({why}).") from None


def config_directories(sources: Sequence[ConfigPlace], program: Program) -> tuple[Path, ...]:
    """The directories of a project's own configs. Packages are found without importing them, which would run code."""
    script = Path(program.prefix[-1])
    places = [program.cwd, (program.cwd / script).parent, *map(Path, sys.path)]
    found: list[Path] = []
    for source in sources:
        folders = [Path(place, *source.path.split(".")) for place in places] if source.schema == "pkg" else []
        found += [folder for folder in folders if (folder / "__init__.py").is_file()][:1]
        found += [Path(source.path)] if source.schema == "file" else []
    return tuple(found)


def found_again(program: Program, sweep: SavedSweep, near: Path) -> Program:
    """The program as it can be started now: a project that was moved is found above ``near``, a path in its configs.

    Raises AxMoError where it is not there, either.
    """
    if program.cwd.is_dir():
        return program
    name = f"{str(sweep.master.hydra.job.config_name).removesuffix('.yaml')}.yaml"
    files = [Path(source.path) for source in sweep.sources if source.schema == "file"]
    for now in [folder for folder in near.parents if files and (folder / name).is_file()]:
        before = files[0]
        while before.name == now.name != "":
            before, now = before.parent, now.parent
        start = Path(program.start[-1])
        if program.cwd.is_relative_to(before) and (cwd := now / program.cwd.relative_to(before)).is_dir():
            absolute = str(now / start.relative_to(before)) if start.is_relative_to(before) else program.absolute
            return replace(program, cwd=cwd, absolute=absolute)
    raise AxMoError(f"{program.cwd}, where the program was started, is gone; was the project moved?")
