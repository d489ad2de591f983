"""What became of a job, from its exit code and the files it left."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.trial import Outcome, Status
from ax_mo.runner.job import JobState, Phase
from ax_mo.runner.outcome import outcome_of, stderr_tail
from ax_mo.trial.files import RESULT, SPEC, STDERR

GOOD: dict[str, Any] = {
    "schema": 1,
    "trial": 7,
    "attempt": 2,
    "status": "completed",
    "metrics": {"acc": 0.9},
    "error": None,
    "started": "2026-01-01T00:00:00+00:00",
    "ended": "2026-01-01T00:01:00+00:00",
}


def ended(code: int | None, message: str = "") -> JobState:
    return JobState(Phase.ENDED, code, message)


def outcome(directory: Path, state: JobState, **changes: Any) -> Outcome:
    """The outcome of trial 7, attempt 2, where the file holds GOOD with changes."""
    (directory / RESULT).write_text(json.dumps({**GOOD, **changes}))
    return outcome_of(directory, 7, 2, state)


def failed(kind: str, message: str) -> dict[str, Any]:
    return {"status": "failed", "metrics": {}, "error": {"type": kind, "message": message, "traceback": "..."}}


def test_exit_code_zero_and_a_result_is_success(tmp_path: Path) -> None:
    (tmp_path / STDERR).write_text("a warning\n")
    found = outcome(tmp_path, ended(0))
    assert found.completed
    assert found == Outcome({"acc": 0.9}, started=GOOD["started"], ended=GOOD["ended"])


def test_result_alone_decides_where_nobody_saw_the_exit_code(tmp_path: Path) -> None:
    assert outcome(tmp_path, ended(None)).metrics == {"acc": 0.9}


@pytest.mark.parametrize(
    ("code", "error"), [(0, None), (-9, None), (None, {"type": "E", "message": "no", "traceback": ""})]
)
def test_trial_that_stopped_when_it_was_asked_is_stopped_however_it_ended(
    tmp_path: Path, code: int | None, error: dict[str, str] | None
) -> None:
    found = outcome(tmp_path, ended(code), stopped="dominated at step 3", error=error)
    assert (found.status, found.metrics) == (Status.EARLY_STOPPED, {"acc": 0.9})
    assert found.reason == "dominated at step 3"


@pytest.mark.parametrize(
    ("code", "reason"), [(3, "recorded its result, then ended with exit code 3"), (-11, "then killed by SIGSEGV")]
)
def test_bad_exit_code_after_a_good_result_is_a_failure(tmp_path: Path, code: int, reason: str) -> None:
    found = outcome(tmp_path, ended(code))
    assert found.reason is not None and reason in found.reason
    assert found.metrics == {}
    assert found.started == GOOD["started"]


@pytest.mark.parametrize(
    ("state", "stderr", "reason"),
    [
        (ended(0), "", "ended with exit code 0 but recorded no result (did it call sys.exit or os._exit?)"),
        (ended(3), "", "ended with exit code 3"),
        (ended(3), "Traceback\nNameError: 'x'\n\n", "ended with exit code 3: NameError: 'x'"),
        (ended(-9), "some progress\n", "killed by SIGKILL (out of memory?)"),
        (ended(-11), "", "killed by SIGSEGV"),
        (ended(-99), "", "killed by signal 99"),
        (ended(None, "cancelled by the scheduler"), "", "cancelled by the scheduler"),
        (ended(None), "", "ended without a result"),
    ],
)
def test_job_without_a_result_failed_as_it_ended(tmp_path: Path, state: JobState, stderr: str, reason: str) -> None:
    (tmp_path / SPEC).write_text("{}")
    (tmp_path / STDERR).write_text(stderr)
    found = outcome_of(tmp_path, 7, 2, state)
    assert (found.status, found.reason, found.stderr_tail) == (Status.FAILED, reason, stderr.rstrip())


@pytest.mark.parametrize("code", [0, 1, None])
def test_recorded_exception_is_the_reason_whatever_the_exit_code(tmp_path: Path, code: int | None) -> None:
    found = outcome(tmp_path, ended(code), **failed("ValueError", "bad lr\nsecond line"))
    assert found.reason == "ValueError: bad lr"
    assert found.metrics == {}
    assert (found.started, found.ended) == (GOOD["started"], GOOD["ended"])
    assert outcome(tmp_path, ended(code), **failed("KeyError", "  ")).reason == "KeyError: (no message)"


def test_unusable_metric_is_told_without_the_name_of_our_own_error(tmp_path: Path) -> None:
    found = outcome(tmp_path, ended(0), **failed("MetricError", "the metric 'acc' is not finite: nan"))
    assert found.reason == "the metric 'acc' is not finite: nan"


@pytest.mark.parametrize("changes", [{"attempt": 1}, {"trial": 6}], ids=str)
def test_result_of_another_trial_or_attempt_does_not_count(tmp_path: Path, changes: dict[str, Any]) -> None:
    (tmp_path / SPEC).write_text("{}")
    found = outcome(tmp_path, ended(0), **changes)
    assert found.reason is not None and "recorded no result" in found.reason


def test_stderr_tail_is_the_last_lines_without_hydras_hint(tmp_path: Path) -> None:
    lines = [f"line {i}" for i in range(50)]
    hint = "Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace."
    (tmp_path / STDERR).write_bytes(b"\xff\xfe" * 100_000 + "\n".join([*lines, "", hint, ""]).encode())
    assert stderr_tail(tmp_path).splitlines() == lines[-20:]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CUDA error at 0x7f00ab in /home/a/x.py:12", "CUDA error at 0x7fffcd in /tmp/b-2/y.py:345"),
        ("expected 3 rows, got 4.5e-3", "expected 30 rows, got 1"),
        ("[Errno 2] No such file: '/data/1/a.csv'", "[Errno 2] No such file: '/data/22/sub/b.csv'"),
    ],
)
def test_signature_is_the_same_where_only_numbers_paths_and_addresses_differ(
    tmp_path: Path, one: str, other: str
) -> None:
    first = outcome(tmp_path, ended(1), **failed("RuntimeError", one))
    second = outcome(tmp_path, ended(1), **failed("RuntimeError", other))
    assert first.error_fingerprint is not None
    assert first.error_fingerprint == second.error_fingerprint


def test_signature_differs_between_types_messages_and_last_words(tmp_path: Path) -> None:
    found = [
        outcome(tmp_path, ended(1), **failed(kind, message)).error_fingerprint
        for kind, message in [("ValueError", "a"), ("KeyError", "a"), ("ValueError", "b")]
    ]
    (tmp_path / RESULT).unlink()
    for words in ("Killed worker 1\n", "Killed worker 22\n", "No space left\n"):
        (tmp_path / STDERR).write_text(words)
        found.append(outcome_of(tmp_path, 7, 2, ended(1)).error_fingerprint)
    assert (len(set(found)), found[3]) == (5, found[4])


def test_coloured_failure_is_kept_as_the_plain_one(tmp_path: Path) -> None:
    def found(before: str, after: str) -> Outcome:
        (tmp_path / STDERR).write_text(f"at\tline 7\n{before}ValueError: lr 3{after}\n{after}\n")
        return outcome_of(tmp_path, 7, 2, ended(1))

    coloured = found("\x1b[1;31m", "\x1b[0m")
    assert coloured == found("", "")
    assert coloured.reason == "ended with exit code 1: ValueError: lr 3"
    assert coloured.stderr_tail == "at\tline 7\nValueError: lr 3"


def destroyed(directory: Path) -> str | None:
    return outcome_of(directory, 7, 2, ended(0)).reason


def test_what_a_trial_has_done_to_its_own_directory_is_its_failure(tmp_path: Path) -> None:
    directory = tmp_path / "7"
    assert destroyed(directory) == "its directory is gone"
    directory.symlink_to("nowhere")
    assert destroyed(directory) == "its directory was replaced by a link"
    directory.unlink()
    other = tmp_path / "other"
    other.mkdir()
    (other / RESULT).write_text(json.dumps(GOOD))
    directory.symlink_to(other)
    assert destroyed(directory) == "its directory was replaced by a link"
    directory.unlink()
    directory.write_text("x")
    assert destroyed(directory) == "its directory was replaced by a file"
    directory.unlink()
    directory.mkdir()
    assert destroyed(directory) == "removed trial.json from its own directory"


def test_directory_that_cannot_be_used_is_the_trials_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "7"
    directory.mkdir(mode=0o000)
    monkeypatch.setattr(os, "access", lambda *_: False)  # as for anybody but root
    assert destroyed(directory) == "its directory cannot be used: its permissions are d---------"
    directory.chmod(0o755)
