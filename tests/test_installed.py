"""The wheel, made from the sdist, in an environment that has nothing of this checkout: commands, and a sweep."""

import os
import shutil
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import ax_mo

ROOT = Path(__file__).resolve().parents[1]
RELEASE = os.environ.get("AX_MO_TEST_RELEASE")
"""The directory of the sdist and the wheel that would be uploaded. They are installed with all that they require, from
the network; otherwise with the packages of this environment."""


def run(*words: object, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AX_MO_"))}
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=clean, capture_output=True, text=True, timeout=1500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built_from_sdist(directory: Path) -> Path:
    """A wheel that is built from what the sdist has."""
    if RELEASE is None:
        run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", directory, cwd=ROOT)
    (sdist,) = Path(RELEASE or directory).glob("hydra_ax_mo-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(directory, filter="data")
    source = directory / sdist.name.removesuffix(".tar.gz")
    for name in ("LICENSE", "README.md", "CITATION.cff", "SECURITY.md", "Makefile", "tests/test_installed.py"):
        assert (source / name).is_file(), name
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory, cwd=source)
    (wheel,) = directory.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the programs of an environment into which the wheel was installed."""
    directory = tmp_path_factory.mktemp("release")
    wheel = built_from_sdist(directory)
    environment = directory / "environment"
    bare = [] if RELEASE else ["--without-pip"]
    run(sys.executable, "-m", "venv", *bare, environment, cwd=directory)
    if RELEASE:
        pip = [environment / "bin" / "pip", "install", "--quiet", "-c", ROOT / "constraints.txt"]
        run(*pip, "torch", cwd=directory)
        run(*pip, wheel, cwd=directory)
    else:
        (site,) = environment.glob("lib/python*/site-packages")
        hydra = find_spec("hydra")
        assert hydra is not None and hydra.origin is not None
        # Its .pth files, which lead to this checkout, are not read there.
        (site / "required.pth").write_text(f"{Path(hydra.origin).parents[1]}\n")
        to = ["--python", environment / "bin" / "python"]
        run(sys.executable, "-m", "pip", *to, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=directory)
    return environment / "bin"


def test_program_is_that_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "ax-mo", "--version", cwd=tmp_path) == f"ax_mo {ax_mo.__version__}\n"
    place = run(installed / "python", "-c", "import ax_mo; print(ax_mo.__file__)", cwd=tmp_path)
    assert Path(place).is_relative_to(installed.parent)


def test_sweep_runs_and_leaves_what_it_promises(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "apps" / "toy", tmp_path / "project")
    run(
        installed / "python", "project/toy.py", "-m", "hydra/sweeper=ax_mo", "x=interval(0,1)",
        "hydra.sweeper.objectives={loss: minimize, size: minimize}", "hydra.sweeper.n_trials=2",
        "hydra.sweeper.method=random_search", "hydra.sweep.dir=multirun/a",
        cwd=tmp_path,
    )  # fmt: skip
    assert "2 of 2 trials ended" in run(installed / "ax-mo", cwd=tmp_path)
    page = (tmp_path / "multirun" / "a" / "report.html").read_text()
    assert "<style>" in page and "<script" in page
    assert [*(tmp_path / "multirun" / "a" / "pareto").glob("trial_*.yaml")]
