"""A project, and the place of an earlier study of it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pgserver
import pytest

from ax_mo.project import Project
from tests.warm_start.studies import project_in


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project_in(tmp_path_factory.mktemp("project"))


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    (tmp_path / "earlier").mkdir()
    return tmp_path / "earlier"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    # Not pytest's own temporary directory: run by root, the server is a user of its own, who may not look in there.
    data = Path(tempfile.mkdtemp(prefix="ax_mo-postgresql-"))
    data.chmod(0o755)
    running = pgserver.get_server(data / "data", cleanup_mode="stop")
    yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    running.cleanup()
    shutil.rmtree(data, ignore_errors=True)
