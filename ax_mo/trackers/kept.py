"""What a tracker remembers between sweepers: ``.trackers/<name>.json`` in the sweep directory."""

from pathlib import Path
from typing import Any

from ax_mo.trial.files import read_json, write_json

FOLDER = ".trackers"
_MOST_BYTES = 64 * 2**20
"""A line for each trial."""


class Kept:
    """A small JSON object that is written whenever ``save`` is called."""

    def __init__(self, directory: Path, name: str) -> None:
        self._path = directory / FOLDER / f"{name}.json"
        self.values: dict[str, Any] = read_json(self._path, _MOST_BYTES) or {}

    def save(self, **values: Any) -> None:
        self.values.update(values)
        self._path.parent.mkdir(exist_ok=True)
        write_json(self._path, self.values)

    def forget(self) -> None:
        self.values = {}


def known(values: dict[str, Any], name: str) -> dict[str, str]:
    """A mapping of text to text in what was kept; empty where it is missing, or something else."""
    value = values.get(name)
    return {str(key): str(entry) for key, entry in value.items()} if isinstance(value, dict) else {}
