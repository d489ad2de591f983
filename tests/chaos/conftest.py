"""The chaos suite: whatever happens to a study, nothing is lost, nothing runs twice, and a resume ends it soundly.

Each test does something to a study that a machine, a disk or a person may do, resumes it undisturbed, and lets
``soundness.assert_sound`` compare the study's files, its database and what its task noted of its own runs. Nothing in
the product knows of it: faults come from ``inject/faults.py``, which replaces functions of Python's library in the one
process that is to suffer, from signals, and from small disks.

``make test`` runs a share of it; ``make test-chaos`` sets ``AX_MO_TEST_CHAOS``, runs everything, and prints at its end
what was done how often. Studies are forked by ``support/fork_server.py`` where the start of a process is not what
is tested.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.soundness import assert_sound
from tests.chaos.study import Study

FULL = bool(os.environ.get("AX_MO_TEST_CHAOS"))


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Study]:
    made: list[Study] = []

    def make(**given: Any) -> Study:
        directory = tmp_path / f"study-{len(made)}"
        directory.mkdir()
        made.append(Study(directory, **given))
        return made[-1]

    return make


@pytest.fixture(scope="module")
def undisturbed_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Study]:
    """The study of a kind to which nothing is done; its steps, and those of its trial 0, were counted."""
    made: dict[str, Study] = {}

    def make(**given: Any) -> Study:
        if str(given) not in made:
            study = made[str(given)] = Study(tmp_path_factory.mktemp("undisturbed"), **given)
            ended = study.fork(fault={}, **study.fault_of_a_trial({})).finish()
            assert ended.returncode == 0, ended.output
            assert_sound(study)
        return made[str(given)]

    return make


Tell = Callable[[str, str, int], None]


@pytest.fixture
def survived(record_property: Callable[[str, object], None]) -> Tell:
    """Call it with a fault, how it was injected, and how often: for the table at the end."""
    return lambda fault, how, times: record_property("survived", (fault, how, times))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows: dict[tuple[str, str], list[int]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name == "survived" and report.when == "call":
                    fault, how, times = value
                    rows.setdefault((fault, how), []).append(times)
    if rows:
        terminalreporter.section("survived: fault | how it was injected | how often | lost")
        for (fault, how), times in rows.items():
            terminalreporter.line(f"{fault} | {how} | {sum(times)} | nothing")
