"""When failures end a study, and which of them do not count."""

from dataclasses import replace

import pytest

from ax_mo.core.failures import FailurePolicy, first_alike, too_many, uncounted
from ax_mo.core.trial import Status, Trial
from tests.support.trials import make_trial


def trials(line: str) -> list[Trial]:
    """One for each letter: ``.`` completed, ``F`` failed like no other, any other letter failed by its own error."""
    return [
        make_trial(
            n,
            status=Status.COMPLETED if letter == "." else Status.FAILED,
            reason=f"ValueError: {letter} at {n}",
            error_fingerprint=f"unlike {chr(ord('a') + n)}" if letter == "F" else letter,
        )
        for n, letter in enumerate(line)
    ]


@pytest.mark.parametrize(
    ("line", "rate", "at_end", "shown"),
    [
        ("FF", 0.5, False, None),
        ("FFFF", 0.5, False, None),
        ("FFF..", 0.5, False, 2),
        (".F.F.F.F", 0.5, False, None),
        (".FFF.F", 0.5, False, 5),
        ("F.", 0.0, False, None),
        ("F.", 0.0, True, 0),
        ("F.", 0.5, True, None),
        ("FFFFFF", 1.0, True, None),
        ("", 0.0, True, None),
    ],
)
def test_rate_counts_from_the_fifth_trial_or_at_the_end(
    line: str, rate: float, at_end: bool, shown: int | None
) -> None:
    found = too_many(trials(line), FailurePolicy(rate), at_end)
    assert (None if found is None else found.trial.number) == shown
    assert found is None or f"max_failure_rate={rate:g}" in found.text


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("aa", None),
        ("aaa", "The first 3 trials failed with the same error: ValueError: a at 0"),
        ("baaa", "The last 3 trials failed with the same error: ValueError: a at 1"),
        (".aaa", None),
        (".aaaa", None),
        (".aaaaa", "The last 5 trials failed with the same error: ValueError: a at 1"),
        ("........aaaaa", "The last 5 trials failed with the same error: ValueError: a at 8"),
        (".aaaaab", None),
        (".aaaaa.", None),
        (".aabaaa", None),
    ],
)
def test_same_error_in_a_row_ends_it_at_any_time(line: str, text: str | None) -> None:
    found = too_many(trials(line), FailurePolicy(0.9))
    assert (None if found is None else found.text) == text
    assert too_many(trials(line), FailurePolicy(1.0)) is None
    assert too_many(trials(line), FailurePolicy(0.9, max_same_failures=0)) is None


def test_three_alike_are_not_enough_where_trials_have_succeeded_before_a_resume() -> None:
    policy = FailurePolicy(0.9)
    assert too_many(trials("aaaa"), policy, succeeded_before=True) is None
    assert too_many(trials("aaaaa"), policy, succeeded_before=True) is not None


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("", []),
        ("..aaaa..", []),
        ("..aaaaa..", [2, 3, 4, 5, 6]),
        ("aaa..", [0, 1, 2]),
        ("baaa..", [1, 2, 3]),
        (".aaa..", []),
        ("..aaaaaabbbbb.", list(range(2, 13))),
        ("FFFFFF", []),
    ],
)
def test_trials_that_one_broken_environment_failed_do_not_count(line: str, numbers: list[int]) -> None:
    assert sorted(uncounted(trials(line), FailurePolicy())) == numbers
    assert not uncounted(trials(line), FailurePolicy(1.0))


def test_errors_that_differ_in_numbers_and_paths_alone_are_the_same() -> None:
    ended = [
        replace(trial, error_fingerprint=None, reason=f"OSError: [Errno 28] No space left: '/scratch/{trial.number}/x'")
        for trial in trials("aaa")
    ]
    assert too_many(ended, FailurePolicy(0.9)) is not None


def test_first_earlier_failure_by_the_same_error_is_found() -> None:
    earlier = trials("x.yxF")
    for letter, number in (("x", 0), ("y", 2)):
        (last,) = trials(letter)
        found = first_alike(replace(last, number=7), earlier)
        assert found is not None and found.number == number
    for letter in "z.F":
        assert first_alike(trials(letter)[0], earlier) is None
