"""A project, and the place of an earlier study of it."""

from pathlib import Path

import pytest

from ax_mo.hydra_project.project import Project
from tests.warm_start.studies import project_in


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project_in(tmp_path_factory.mktemp("project"))


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    (tmp_path / "earlier").mkdir()
    return tmp_path / "earlier"
