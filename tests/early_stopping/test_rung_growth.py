"""What a paused trial would have come to."""

import pytest

from ax_mo.early_stopping.rung_growth import expected_at_highest


def test_what_was_reached_stays_as_it_is() -> None:
    expected = expected_at_highest([[{"acc": 0.4}, {"acc": 0.7}, {"acc": 0.9}], [{"acc": 0.3}]])
    assert expected[0] == {"acc": 0.9}


def test_all_gain_as_much_where_little_is_known() -> None:
    expected = expected_at_highest([[{"acc": 0.4}, {"acc": 0.7}], [{"acc": 0.3}], [{"acc": 0.1}]])
    assert [values["acc"] for values in expected] == pytest.approx([0.7, 0.6, 0.4])


def test_gain_follows_those_that_trained_on() -> None:
    many = [[{"acc": a / 100}, {"acc": 0.8 + 0.2 * a / 100}] for a in range(50, 100)]
    (*_, poor) = expected_at_highest([*many, [{"acc": 0.1}]])
    assert 0.8 < poor["acc"] < 0.86, "near 0.82, where the line leads"


def test_order_is_kept_where_good_trials_have_fallen_behind() -> None:
    expected = expected_at_highest(
        [[{"acc": 0.9}, {"acc": 0.91}], [{"acc": 0.8}, {"acc": 0.95}], [{"acc": 0.1}], [{"acc": 0}]]
    )
    assert expected[2]["acc"] > expected[3]["acc"]


def test_metric_that_is_the_same_at_all_rungs_is_itself() -> None:
    expected = expected_at_highest([[{"size": 5}, {"size": 5}], [{"size": 9}, {"size": 9}], [{"size": 7}]])
    assert [values["size"] for values in expected] == pytest.approx([5, 9, 7])


def test_metric_that_no_trial_has_at_the_next_rung_stays() -> None:
    assert expected_at_highest([[{"acc": 0.4}, {"loss": 1.0}], [{"acc": 0.3}]]) == [
        {"acc": 0.4, "loss": 1.0},
        {"acc": 0.3},
    ]


def test_nothing_is_known_of_a_study_without_promotions() -> None:
    assert expected_at_highest([]) == []
    assert expected_at_highest([[{"acc": 0.4}], [{"acc": 0.3}]]) == [{"acc": 0.4}, {"acc": 0.3}]
