"""What the tests of the pages share: a browser, a study, and how to wait."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.storage.test_snapshot import make
from tests.support.browsing import CHROMIUM


@pytest.fixture(scope="module")
def browser() -> Iterator:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.getuid() == 0 else []
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The sweep directory of a study on disk."""
    make(tmp_path / "sweep")
    return tmp_path / "sweep"


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
