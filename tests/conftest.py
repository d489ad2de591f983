"""What all tests share."""

import os
from collections.abc import Iterator

import pytest

from tests.support.postgresql import PostgreSQL, own_postgresql

# Each sweep of a test would fit a model for its page at its end: seconds of work that hundreds of tests do not look at.
os.environ.setdefault("AX_MO_REPORT", "0")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL of the module's own, which it may take away."""
    with own_postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def server(postgresql: PostgreSQL) -> str:
    """Its URL."""
    return postgresql.url
