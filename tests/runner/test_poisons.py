"""Whatever a trial leaves as its result is a failed trial with a reason that can be stored, and nobody waits for it."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Outcome, Status
from ax_mo.results.files import trials_csv
from ax_mo.runner.job import JobState, Phase
from ax_mo.runner.outcome import has_result, outcome_of
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.store import Store
from ax_mo.trial.files import RESULT, SPEC, STDERR, write_atomically
from tests.apps.poison.poisons import RESULTS, Poison
from tests.support.trials import make_run

GOOD: dict[str, Any] = {
    "schema": 1,
    "trial": 7,
    "attempt": 2,
    "status": "completed",
    "metrics": {"loss": 0.5, "size": 1},
    "error": None,
    "started": "2026-01-01T00:00:00+00:00",
    "ended": "2026-01-01T00:01:00+00:00",
}
ENDED_WELL = JobState(Phase.ENDED, 0)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "7"
    directory.mkdir()
    (directory / SPEC).write_text("{}")
    return directory


def leave(directory: Path, **changes: Any) -> Outcome:
    (directory / RESULT).write_text(json.dumps({**GOOD, **changes}))
    return outcome_of(directory, 7, 2, ENDED_WELL)


def test_result_that_the_poisons_spoil_is_good(directory: Path) -> None:
    assert leave(directory).metrics == {"loss": 0.5, "size": 1}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("poison", RESULTS, ids=lambda poison: poison.name)
def test_poison_is_a_failed_trial_with_its_reason(directory: Path, poison: Poison) -> None:
    poison.leave(directory, GOOD)
    found = outcome_of(directory, 7, 2, ENDED_WELL)
    assert found.status is Status.FAILED
    assert found.metrics == {}
    assert found.reason is not None and poison.reason in found.reason
    assert len(found.reason) <= 10_000 and "\n" not in found.reason
    for text in (found.reason, found.error_fingerprint, found.stderr_tail):
        assert text is not None and "\0" not in text
        text.encode()
    assert has_result(directory, 7, 2) == ("recorded no result" not in poison.reason), "it is the attempt's end"


def test_reason_says_how_the_process_ended_too(directory: Path) -> None:
    (directory / RESULT).write_text("[]")
    found = outcome_of(directory, 7, 2, JobState(Phase.ENDED, -9))
    assert found.reason == "killed by SIGKILL (out of memory?), and result.json: is a list, and no object"
    found = outcome_of(directory, 7, 2, JobState(Phase.ENDED, None, "cancelled by the scheduler"))
    assert found.reason == "result.json: is a list, and no object"


def test_result_that_is_unreadable_for_now_may_still_come(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(*_: Any) -> None:
        raise OSError(116, "Stale file handle")

    leave(directory)
    monkeypatch.setattr("ax_mo.trial.result.read_bytes", stale)
    assert not has_result(directory, 7, 2)
    assert outcome_of(directory, 7, 2, ENDED_WELL).reason == "result.json cannot be read: Stale file handle"


def test_names_of_metrics_are_as_a_table_takes_them(directory: Path) -> None:
    found = leave(directory, metrics={"a\0b": 1, "c\nd": 2, "e\ud800": 3, "f" * 5000: 4})
    assert list(found.metrics) == ["a\ufffdb", "c\ufffdd", "e\ufffd", "f" * 999 + "…"]
    assert list(found.metrics.values()) == [1, 2, 3, 4]


def test_integer_that_no_array_holds_is_a_float(directory: Path) -> None:
    found = leave(directory, metrics={"loss": 10**60, "size": -(10**18)})
    assert [type(value) for value in found.metrics.values()] == [float, int]


def test_times_are_as_short_as_their_columns(directory: Path) -> None:
    found = leave(directory, started=f"2026-01-01T01:00:00.{'0' * 90}+01:00")
    assert found.started == "2026-01-01T00:00:00+00:00"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "make",
    [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to("/etc/passwd")],
    ids=["pipe", "directory", "link to /dev/zero", "link to a file"],
)
def test_stderr_that_is_no_file_is_not_read(directory: Path, make: Any) -> None:
    make(directory / STDERR)
    found = outcome_of(directory, 7, 2, JobState(Phase.ENDED, 3))
    assert (found.reason, found.stderr_tail) == ("ended with exit code 3", "")


def test_postgresql_and_every_file_take_what_became_of_all_poisons(server: str, tmp_path: Path) -> None:
    definition = Definition({"x": "interval(0.0, 1.0)"}, {"loss": "minimize"})
    store = Store.open(server, StoredStudy("poisons", "", definition))
    outcomes = []
    for number, poison in enumerate(RESULTS):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / SPEC).write_text("{}")
        (directory / STDERR).write_bytes(b"\0\xff\xed\xa0\x80 the end\n")
        poison.leave(directory, GOOD)
        outcomes.append(outcome_of(directory, 7, 2, ENDED_WELL))
    odd = tmp_path / "7" / "odd"
    odd.mkdir()
    outcomes.append(
        leave(odd, metrics={"loss": 1, "size": 1, "a\0b\ud800": 1}, started=f"2026-01-01T01:00:00.{'0' * 90}Z")
    )
    run = make_run(status=Status.ASKED, point={"x": 0.5})
    store.add([replace(run, number=number).ended_by(outcome) for number, outcome in enumerate(outcomes)])
    trials = store.runs()
    store.close()
    assert [trial.status for trial in trials] == [Status.FAILED] * len(RESULTS) + [Status.COMPLETED]
    assert [trial.reason for trial in trials] == [outcome.reason for outcome in outcomes]
    table = trials_csv(trials, ["x"], parse_goals({"loss": "minimize"}))
    write_atomically(tmp_path / "trials.csv", table)
    assert (tmp_path / "trials.csv").read_bytes() == table.encode()
