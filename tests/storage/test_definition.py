"""What a resume must agree on."""

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.errors import ConfigError
from ax_mo.storage.definition import Definition, described_goals

CONSTRAINED = parse_goals({"constraint 0": "minimize", "loss": "minimize"}, None, ["a <= 1", "b <= 1"])


def test_objective_and_constraint_of_one_name_are_both_described() -> None:
    described = described_goals(CONSTRAINED)
    assert sorted(described.values()) == ["a <= 1", "b <= 1", "minimize", "minimize"]
    assert described["constraint 0"] == "minimize"
    other = parse_goals({"constraint 0": "maximize", "loss": "minimize"}, None, ["a <= 1", "b <= 1"])
    with pytest.raises(ConfigError, match="constraint 0: was minimize, is now maximize"):
        Definition({}, described).check_same(Definition({}, described_goals(other)))


@pytest.mark.parametrize(
    ("stored", "goals"),
    [
        (
            {"loss": "minimize", "constraint 0": "a <= 1"},
            parse_goals({"loss": "minimize"}, None, ["a <= 1"]),
        ),
        ({"loss": "minimize", "constraint 0": "a <= 1", "constraint 1": "b <= 1"}, CONSTRAINED),
    ],
    ids=["ordinary", "called alike"],
)
def test_study_that_an_earlier_version_described_is_resumed(stored: dict[str, str], goals: object) -> None:
    Definition({}, stored).check_same(Definition({}, described_goals(goals)))  # type: ignore[arg-type]
