"""Parts by name: ours, and those of installed packages."""

import sys
from pathlib import Path

import pytest

from ax_mo.errors import ConfigError
from ax_mo.trial.registry import Registry


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    package = tmp_path / "theirs-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Name: theirs\nVersion: 1\n")
    (package / "entry_points.txt").write_text(
        "[ax_mo.test_parts]\nroot = theirs:root\nbroken = theirs_that_is_not_there:part\nsqrt = theirs:root\n"
    )
    (tmp_path / "theirs.py").write_text("def root(number): return number ** 0.5\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "theirs", raising=False)
    return Registry("ax_mo.test_parts", {"sqrt": "math:sqrt", "floor": "math:floor"})


def test_built_in_parts_and_those_of_packages_are_found_by_name(registry: Registry) -> None:
    assert registry.names == ["sqrt", "floor", "broken", "root"]
    assert registry.load("floor", "key")(2.5) == 2
    assert registry.load("root", "key")(9) == 3


def test_package_cannot_change_what_a_built_in_name_means(registry: Registry) -> None:
    assert registry.load("sqrt", "key").__module__ == "math"


def test_unknown_name_is_refused_with_those_there_are(registry: Registry) -> None:
    with pytest.raises(
        ConfigError, match=r"^hydra\.x: 'flor' is not known; there are sqrt, floor, broken, root\..*floor"
    ):
        registry.load("flor", "hydra.x")


def test_part_that_cannot_be_imported_is_named(registry: Registry) -> None:
    with pytest.raises(ConfigError, match=r"hydra\.x: 'broken' \(theirs_that_is_not_there:part, an entry point of"):
        registry.load("broken", "hydra.x")
