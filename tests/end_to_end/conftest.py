"""What tests of real sweeps share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sweeps import Live, Sweep


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Sweep]:
    sweep = Sweep(tmp_path)
    yield sweep
    sweep.gate.touch()
    page = sweep.dir / "report.html"
    if page.is_file():
        page.unlink()  # who would add its model ends


@pytest.fixture
def live(sweep: Sweep) -> Live:
    return Live(sweep)


@pytest.fixture(autouse=True)
def hangups_are_heard() -> Iterator[None]:
    """Also where the tests themselves were started under nohup, which their sweeps would inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
