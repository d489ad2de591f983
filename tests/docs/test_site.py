"""The documentation is built as `make docs` builds it: strictly, without a network, and with all that there is."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import ax_mo
from ax_mo.notebook import LoadedStudy
from ax_mo.runner.settings import LauncherSettings
from ax_mo.sweep.settings import Settings

pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install -e '.[docs]'")
ROOT = Path(__file__).resolve().parents[2]


class Page(HTMLParser):
    """What a built page loads, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors.add(given.get("id") or "")
        self.loaded.add((given.get("href") if tag == "link" else given.get("src")) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(directory)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return directory


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = {path: Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 5
    assert {(str(path), url) for path, page in pages.items() for url in page.loaded if "//" in url} == set()


def test_reference_has_every_setting(site: Path) -> None:
    settings: dict[str, Any] = {"sweeper": Settings, "launcher": LauncherSettings}
    named = {f"{node}-{field.name}" for node, block in settings.items() for field in fields(block)}
    assert named <= Page(site / "reference" / "settings.html").anchors


def test_reference_has_every_name_for_notebooks_and_training_loops(site: Path) -> None:
    anchors = {anchor.rpartition(".")[2] for anchor in Page(site / "reference" / "python.html").anchors}
    assert {name for name in ax_mo.__all__ if not name.startswith("_")} <= anchors
    assert {name for name in vars(LoadedStudy) if not name.startswith("_")} <= anchors


def test_links_of_the_pages_that_are_read_elsewhere_lead_to_files() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md"):
        links = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text())
        assert links
        assert [link for link in links if not (page.parent / link).exists()] == [], page


def test_published_search_is_shown_as_it_is() -> None:
    page = (ROOT / "docs" / "tutorial" / "published_nas.md").read_text()
    assert (ROOT / "example_project" / "conf" / "experiment" / "published_nas.yaml").read_text() in page
