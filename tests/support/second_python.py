"""An environment beside this one: Hydra and this package, and nothing of what only a sweep uses."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ENOUGH = ("hydra", "omegaconf", "antlr4", "yaml", "packaging", "ax_mo", "hydra_plugins")
HEAVY = ("torch", "ax", "torchx", "sqlalchemy", "numpy", "rich")


def second_python(directory: Path, *packages: str) -> Path:
    """The interpreter of a new virtual environment that has these packages of this one alone."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    (site,) = directory.glob("lib/python*/site-packages")
    shared = directory / "shared"
    shared.mkdir()
    for name in packages:
        found = find_spec(name)
        assert found is not None and found.submodule_search_locations
        for place in dict.fromkeys(map(os.path.realpath, found.submodule_search_locations)):
            _link(shared, Path(place))
    (site / "shared.pth").write_text(f"{shared}\n")
    return directory / "bin" / "python"


def _link(shared: Path, package: Path) -> None:
    if (package / "__init__.py").exists():
        (shared / package.name).symlink_to(package)
        return
    (shared / package.name).mkdir(exist_ok=True)  # a namespace, in several places
    for part in package.iterdir():
        if part.name.startswith(("ax_mo", "torchx")):
            (shared / package.name / part.name).symlink_to(part)
