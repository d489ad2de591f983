"""What people install: the wheel as it is built, and what other files say of it."""

import ast
import email
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import trove_classifiers
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import ax_mo

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


@pytest.fixture(scope="module")
def metadata(wheel):
    (text,) = [content for name, content in wheel.items() if name.endswith("METADATA")]
    return email.message_from_string(text)


def test_has_every_file_of_the_packages(wheel):
    """Templates, styles, scripts and py.typed are no modules, and easily left out."""
    files = {
        path.relative_to(ROOT).as_posix()
        for package in ("ax_mo", "hydra_plugins")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {Path(name).suffix for name in files} >= {".py", ".j2", ".css", ".js", ".typed"}
    assert files == {name for name in wheel if ".dist-info/" not in name}


def test_metadata_says_what_it_is_for_whom_and_under_which_licence(wheel, metadata):
    assert metadata["Version"] == ax_mo.__version__
    assert metadata["License-Expression"] == "MIT"
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
    assert metadata["Description-Content-Type"] == "text/markdown" and metadata["Requires-Python"] == ">=3.11"
    classifiers = metadata.get_all("Classifier")
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)} <= {*classifiers}
    assert set(classifiers) <= trove_classifiers.classifiers
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(metadata.get_all("Provides-Extra")) == extras.keys()
    assert metadata.get_all("Project-URL")


def test_files_for_others_name_this_version_and_its_requirements(metadata):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    recipe = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())
    assert citation["version"] == recipe["context"]["version"] == ax_mo.__version__
    assert citation["license"] == recipe["about"]["license"] == metadata["License-Expression"]
    of_conda = {"torch": "pytorch"}
    required = map(Requirement, metadata.get_all("Requires-Dist"))
    wanted = {of_conda.get(r.name, r.name).lower(): r.specifier for r in required if r.marker is None}
    known = [line.partition(" ") for line in recipe["requirements"]["run"] if not line.startswith("python ")]
    assert {name: SpecifierSet(bounds) for name, _, bounds in known} == wanted


def test_changelog_has_this_version_or_what_is_not_released_on_top():
    """As https://keepachangelog.com has it: a heading for each release, with groups of changes below."""
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[0] == "[Unreleased]" or headings[0].startswith(f"[{ax_mo.__version__}] - ")
    assert all(re.fullmatch(r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", one) for one in headings)
    groups = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert groups and groups <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("path", [*(ROOT / ".github").rglob("*.yml")], ids=lambda path: path.stem)
def test_files_of_github_are_yaml(path):
    assert yaml.safe_load(path.read_text())


def test_matrix_has_every_python_that_is_claimed(metadata):
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())
    claimed = re.findall(r"Python :: (3\.\d+)", "\n".join(metadata.get_all("Classifier")))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == claimed


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


def test_requirements_are_lower_bounds_and_upper_ones_where_private_names_are_used(metadata):
    required = [line for line in metadata.get_all("Requires-Dist") if "extra" not in line]
    assert not any("==" in line for line in required)
    bounded = {line.split("<")[0] for line in required if "<" in line}
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
