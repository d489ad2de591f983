"""What a resume must agree on."""

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.errors import ConfigError
from ax_mo.storage.definition import Definition, described_goals, differences


def test_thresholds_and_constraints_are_among_what_a_resume_must_agree_on() -> None:
    described = described_goals(parse_goals({"acc": {"goal": "maximize", "threshold": 0.9}}, None, ["cost <= 1"]))
    assert described == {"acc": "maximize, threshold 0.9", "constraint 0": "cost <= 1"}
    both = parse_goals({"constraint 0": "maximize", "loss": "minimize"}, None, ["a <= 1", "b <= 1"])
    assert described_goals(both) == {"constraint 0": "maximize", "loss": "minimize", "constraint 1": "b <= 1"}
    other = described_goals(parse_goals({"acc": "maximize"}, None, ["cost <= 1"]))
    with pytest.raises(ConfigError, match=r"acc: was maximize, threshold 0\.9, is now maximize\n"):
        Definition({}, described).check_same(Definition({}, other))


def test_a_scale_is_among_it_where_one_was_asked_for() -> None:
    asked = {scale: {"loss": {"goal": "minimize", "scale": scale}} for scale in ("auto", "log")}
    assert described_goals(parse_goals(asked["auto"])) == {"loss": "minimize"}, "as in studies that know of no scale"
    assert described_goals(parse_goals(asked["log"])) == {"loss": "minimize, scale log"}


def test_differences_tell_added_removed_and_changed_keys() -> None:
    before, after = {"a": "1", "b": "2", "c": "3"}, {"b": "2", "c": "4", "d": "5"}
    assert list(differences(before, after).values()) == ["- a: 1", "c: was 3, is now 4", "+ d: 5"]
    assert not differences(before, dict(before))
