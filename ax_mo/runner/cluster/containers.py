"""Jobs in containers: what of this machine they see, and how a command for here is one for there."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_mo.errors import ConfigError

_KEY = "hydra.launcher.mounts"
_EXAMPLE = f"{_KEY}=['type=bind,src=/nfs/home,dst=/nfs/home']"

_NOT_MOUNTING = ("gcp_batch", "aws_sagemaker")
"""Schedulers of TorchX 0.7.0 that give containers no mounts."""


@dataclass(frozen=True)
class MountedPlace:
    """A directory of this machine that is ``there`` in the container."""

    here: str
    there: str
    is_writable: bool

    def holds(self, path: str) -> bool:
        """Whether the path is in it."""
        return path == self.here or path.startswith(f"{self.here.rstrip('/')}/")


@dataclass(frozen=True)
class Mounts:
    """``parsed`` are TorchX's, ``places`` what they show of this machine, the innermost first."""

    parsed: tuple[Any, ...]
    places: tuple[MountedPlace, ...]

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Mounts":
        """Of ``type=bind,src=/data,dst=/data[,readonly]``, TorchX's own words. Raises ConfigError.

        A volume has no path here; it is taken to be the same directory as on this machine.
        """
        from torchx.specs import BindMount, VolumeMount, parse_mounts

        parsed: list[Any] = []
        for text in texts:
            try:
                parsed += parse_mounts(text.split(","))
            except (KeyError, ValueError) as error:
                words = str(error.args[0]) if error.args else str(error)
                raise ConfigError(f"{_KEY}: '{text}' is no mount: {words}. For example {_EXAMPLE}.") from None
        places = []
        for mount in parsed:
            if isinstance(mount, BindMount | VolumeMount):
                source = mount.src_path if isinstance(mount, BindMount) else mount.dst_path
                for here in dict.fromkeys((os.path.normpath(source), os.path.realpath(source))):
                    places.append(MountedPlace(here, os.path.normpath(mount.dst_path), not mount.read_only))
        return cls(tuple(parsed), tuple(sorted(places, key=lambda place: -len(place.here))))

    def check(self, scheduler: str, argv: Sequence[str], cwd: Path, sweep_dir: Path) -> None:
        """Raises ConfigError where a job with this command could not run, or its result could not come back.

        ``argv`` is the interpreter, which is the container's, and what it is to run in ``cwd``.
        """
        if scheduler in _NOT_MOUNTING:
            raise ConfigError(
                f"hydra.launcher.scheduler={scheduler}: TorchX mounts nothing in its containers, so that no trial "
                "could return its result without hydra.launcher.results_url."
            )
        seen = [("the directory from which you start the sweep", cwd, "no trial could find its program")]
        seen += [("the program", Path(word), "no trial could find it") for word in argv[1:] if Path(word).is_absolute()]
        seen += [("the sweep's directory", sweep_dir, "no trial could return its result")]
        for what, path, so in seen:
            if self._place(path) is None:
                raise ConfigError(
                    f"{_KEY}: containers do not see {what}, {path}: {so}. Mount a directory that holds it, on a disk "
                    f"that the nodes share: {_KEY}=['type=bind,src={cwd},dst={cwd}']; or, where the image holds the "
                    "project, let results come through hydra.launcher.results_url."
                )
        place = self._place(sweep_dir)
        if place is not None and not place.is_writable:
            raise ConfigError(f"{_KEY}: the sweep's directory, {sweep_dir}, is mounted readonly: {so}.")

    def _place(self, path: Path) -> MountedPlace | None:
        return next((place for place in self.places if place.holds(str(path))), None)

    def there(self, text: str) -> str:
        """An argument, or a variable's value, with the paths in it as they are in the container."""
        for place in self.places:
            if place.here != place.there:
                whole = rf"(?<![\w.~/-]){re.escape(place.here)}(?![\w.~-])"
                text = re.sub(whole, place.there.replace("\\", r"\\"), text)
        return text
