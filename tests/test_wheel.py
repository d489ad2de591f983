"""What people install."""

import subprocess
import sys
import zipfile
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


def test_requirements_are_lower_bounds(wheel):
    (metadata,) = [content for name, content in wheel.items() if name.endswith("METADATA")]
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra" not in line]
    assert any("ax-platform>=1.3.1" in line for line in required)
    assert not any("==" in line or "<" in line for line in required)
