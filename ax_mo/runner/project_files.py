"""Which files of a project its trials have a use for, where they are sent to them."""

import shutil
from collections.abc import Sequence
from pathlib import Path

_NOT_SENT = ("/multirun", "/outputs", ".git", ".venv", "__pycache__", "/wandb", "/mlruns", "/lightning_logs")
_DATA = "data"


def not_sent(project: Path, sweep_dir: Path) -> list[str]:
    """What of the directory trials have no use for: names, those of its root alone with a slash, as in .gitignore."""
    found = list(_NOT_SENT)
    if sweep_dir != project and sweep_dir.is_relative_to(project):
        found.append(f"/{sweep_dir.relative_to(project).as_posix()}")
    if not any((project / _DATA).glob("*.py")):  # of a package, all is needed
        found.append(f"/{_DATA}")
    return found


def copy_project(project: Path, to: Path, excludes: Sequence[str]) -> None:
    """Copy the directory without ``excludes``, which are as those of ``not_sent``. Raises OSError and shutil.Error."""

    def ignored(directory: str, names: list[str]) -> list[str]:
        place = Path(directory).relative_to(project)
        return [name for name in names if name in excludes or f"/{(place / name).as_posix()}" in excludes]

    shutil.copytree(project, to, symlinks=True, ignore=ignored)
