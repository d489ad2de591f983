"""A job's own Hydra node: its number, its directory, and what ``${hydra:...}`` reads, as in Hydra's own launchers."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra import version
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobRuntime
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException


@contextmanager
def in_force(config: DictConfig) -> Iterator[None]:
    """``${hydra:...}`` reads this configuration meanwhile. Hydra's ``run_job`` does so; in a sweep nobody else does."""
    hydra = HydraConfig.instance()
    before, readonly = hydra.cfg, OmegaConf.is_readonly(config.hydra)
    hydra.set_config(config)
    OmegaConf.set_readonly(config.hydra, readonly)  # its copy stays so; launchers may write to the original
    try:
        yield
    finally:
        hydra.cfg = before


@contextmanager
def _read_from(config: DictConfig) -> Iterator[None]:
    """As ``in_force`` while one value is read: without the copy, which takes 5 ms."""
    hydra = HydraConfig.instance()
    before = hydra.cfg
    hydra.cfg = config  # type: ignore[assignment]
    try:
        yield
    finally:
        hydra.cfg = before


def number_job(config: DictConfig, number: int) -> None:
    """Give a composed configuration the number of its job."""
    with open_dict(config):
        config.hydra.job.id = str(number)
        config.hydra.job.num = number


def sweep_dir_of(config: DictConfig) -> Path:
    """``hydra.sweep.dir`` as an absolute path, with its links as given. Raises OmegaConf's exceptions."""
    with _read_from(config):
        return Path(os.path.abspath(str(OmegaConf.select(config, "hydra.sweep.dir"))))  # noqa: PTH100


def subdir_of(config: DictConfig, number: int, taken: Collection[str] = ()) -> str:
    """A job's directory by the user's ``hydra.sweep.subdir``, made unique. Raises OmegaConf's exceptions."""
    with _read_from(config):
        subdir = os.path.normpath(str(OmegaConf.select(config, "hydra.sweep.subdir")))
    if subdir == ".":
        subdir = str(number)
    while subdir in taken:
        subdir = f"{subdir}_{number}"
    return subdir


def job_name_of(config: DictConfig) -> str:
    """``hydra.job.name``; the program's name where that needs what only a trial has, such as a number."""
    try:
        with _read_from(config):
            return str(config.hydra.job.name)
    except OmegaConfBaseException:
        return str(JobRuntime.instance().get("name"))


def changes_directory(config: DictConfig) -> bool:
    """Whether a job changes into its own directory."""
    chdir = config.hydra.job.chdir
    return not version.base_at_least("1.2") if chdir is None else bool(chdir)
