"""What all tests share."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Each sweep of a test would fit a model for its page at its end: seconds of work that hundreds of tests do not look at.
os.environ.setdefault("AX_MO_REPORT", "0")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL of its own."""
    import pgserver  # few tests need it

    # Not pytest's own temporary directory: run by root, the server is a user of its own, who may not look in there.
    data = Path(tempfile.mkdtemp(prefix="ax_mo-postgresql-"))
    data.chmod(0o755)
    running = pgserver.get_server(data / "data", cleanup_mode="stop")
    yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    running.cleanup()
    shutil.rmtree(data, ignore_errors=True)
