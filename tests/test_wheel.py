"""What people install."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (path,) = out.glob("hydra_ax_mo-*.whl")
    with zipfile.ZipFile(path) as archive:
        yield {name: archive.read(name).decode() for name in archive.namelist()}


def test_hydra_plugins_stays_a_namespace_package(wheel):
    assert "hydra_plugins/__init__.py" not in wheel
    assert "hydra_plugins/ax_mo_sweeper/__init__.py" in wheel
    assert "hydra_plugins/torchx_launcher/launcher.py" in wheel


def test_is_typed_and_holds_the_package_alone(wheel):
    assert "ax_mo/py.typed" in wheel
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"ax_mo", "hydra_plugins", "hydra_ax_mo"}


def test_both_plugins_are_entry_points(wheel):
    (text,) = [content for name, content in wheel.items() if name.endswith("entry_points.txt")]
    assert "[hydra.plugins]" in text
    assert "hydra_plugins.ax_mo_sweeper.sweeper:AxMoSweeper" in text
    assert "hydra_plugins.torchx_launcher.launcher:TorchXLauncher" in text


def test_requirements_are_lower_bounds_and_upper_ones_where_private_names_are_used(wheel):
    (metadata,) = [content for name, content in wheel.items() if name.endswith("METADATA")]
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra" not in line]
    assert not any("==" in line for line in required)
    bounded = {line.split()[1].split("<")[0] for line in required if "<" in line}
    assert bounded == {"ax-platform", "botorch", "torchx"}


def test_every_package_that_is_imported_is_declared():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [names for extra, names in declared["optional-dependencies"].items() if extra != "dev"]
    named = {
        re.split(r"[^\w.-]", requirement)[0].lower()
        for names in [declared["dependencies"], *extras]
        for requirement in names
    }
    ours = set(sys.stdlib_module_names) | {"ax_mo", "hydra_plugins"}
    owners = packages_distributions()
    missing = {
        module: owners.get(module, [module])
        for module in imported(ROOT / "ax_mo", ROOT / "hydra_plugins") - ours
        if not named.intersection(owner.lower() for owner in owners.get(module, [module]))
    }
    assert not missing


def imported(*folders):
    """The topmost names of all modules that are imported by name."""
    found = set()
    for node in (
        node for folder in folders for path in folder.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
    ):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found
