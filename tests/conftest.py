"""What all tests share."""

import gc
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from _pytest.assertion import rewrite
from hypothesis import settings

from tests.support import fork_server
from tests.support.long import LONG
from tests.support.postgresql import PostgreSQL, own_postgresql

# Each sweep of a test would fit a model for its page at its end: seconds of work that hundreds of tests do not look at.
os.environ.setdefault("AX_MO_REPORT", "0")

# How long an example takes depends on what else the machine does.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    """The workers of ``-n`` have one fork server."""
    is_worker = hasattr(config, "workerinput")
    if getattr(config.option, "numprocesses", None) and not (is_worker or config.option.collectonly):
        fork_server.start()
        _compile_tests(config)


def _compile_tests(config: pytest.Config) -> None:
    """As pytest itself would in each of the workers, all at once, while the fork server is still importing."""
    for path in Path(__file__).parent.rglob("test_*.py"):
        compiled = rewrite.get_cache_dir(path) / (path.stem + rewrite.PYC_TAIL)
        if rewrite._read_pyc(path, compiled) is None and rewrite.try_makedirs(compiled.parent):
            digest, code = rewrite._rewrite_test(path, config)
            rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, digest, compiled)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: Sequence[Any]) -> None:
    """It forks the workers as well: what it has imported, none of them does."""
    for spec in specs:
        spec.python = shlex.join([sys.executable, str(fork_server.__file__)])


SHORT = ("core", "early_stopping", "hydra_project", "runner", "storage", "terminal", "trial")
"""Directories none of whose files takes long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They come last, so that all workers end together."""
    for item in items:
        if item.get_closest_marker("long") and not LONG:
            item.add_marker(pytest.mark.skip(reason="make test-long"))
    items.sort(key=lambda item: item.path.relative_to(Path(__file__).parent).parts[0] in SHORT)


def pytest_collection_finish() -> None:
    """What the tests have imported is not looked through by each of Python's collections: a tenth of their time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL of the module's own, which it may take away."""
    with own_postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def server(postgresql: PostgreSQL) -> str:
    """Its URL."""
    return postgresql.url
