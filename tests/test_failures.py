"""When failures end a study."""

import pytest

from ax_mo.failures import too_many
from ax_mo.study.trial import Status, Trial


def trials(line: str, alike: bool = False) -> list[Trial]:
    """One for each letter: ``.`` completed, ``F`` failed."""
    return [
        Trial(
            number=n,
            status=Status.FAILED if letter == "F" else Status.COMPLETED,
            point={},
            overrides=(),
            directory=str(n),
            reason=f"ValueError: {n}",
            signature="ValueError" if alike else f"ValueError {n}",
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
    found = too_many(trials(line), rate, at_end)
    assert (None if found is None else found.trial.number) == shown
    assert found is None or f"max_failure_rate={rate:g}" in found.text


@pytest.mark.parametrize(("line", "ends"), [("FF", False), ("FFF", True), (".FFF", False), ("FF.F", False)])
def test_first_three_alike_end_it_whatever_the_rate(line: str, ends: bool) -> None:
    found = too_many(trials(line, alike=True), 0.9)
    assert (found is not None) == ends
    if found is not None:
        assert found.trial.number == 0 and "The first 3 trials failed with the same error: ValueError: 0" in found.text
    assert too_many(trials(line, alike=True), 1.0) is None
