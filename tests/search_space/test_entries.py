"""``params`` and the command line become entries, each with the options that it was written under."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ax_mo.errors import ConfigError
from ax_mo.search_space.entries import Entry, read_entries
from ax_mo.search_space.grammar import FixedOverride
from ax_mo.search_space.parameters import Choice, when_text

GROUPS = {
    "model": ["cnn", "mlp"],
    "model/block": ["deep", "wide"],
    "optim": ["adam", "lion", "sgd"],
    "size": ["18", "50"],
}
SPLIT = {"optim": {"adam": {"optim.lr": "1,2"}, "sgd": {"optim.lr": "3,4", "optim.momentum": 0.5}}}


def read(params: Mapping[str, Any], arguments: Sequence[str] = ()) -> list[tuple[str, str, str]]:
    """Each entry's key, what it holds, and what it was written under."""
    entries = read_entries(params, arguments, lambda group: GROUPS.get(group, [])).all
    return [(entry.key, _content(entry), when_text(entry.given)) for entry in entries]


def _content(entry: Entry) -> str:
    return entry.content.line if isinstance(entry.content, FixedOverride) else entry.content.describe()


def message_of(params: Mapping[str, Any], arguments: Sequence[str] = ()) -> str:
    with pytest.raises(ConfigError) as caught:
        read(params, arguments)
    return str(caught.value)


def test_option_names_make_the_choice_and_their_mappings_what_is_written_under_it() -> None:
    assert read(SPLIT) == [
        ("optim", "choice(adam, sgd)", ""),
        ("optim.lr", "choice(1, 2)", "optim=adam"),
        ("optim.lr", "choice(3, 4)", "optim=sgd"),
        ("optim.momentum", "optim.momentum=0.5", "optim=sgd"),
    ]


def test_keys_under_an_option_are_whole_keys_or_nested_mappings() -> None:
    whole = read({"model": {"mlp": {"optim.lr": "1,2", "model.a.b": "3,4"}, "cnn": {}}})
    nested = read({"model": {"mlp": {"optim": {"lr": "1,2"}, "model": {"a": {"b": "3,4"}}}, "cnn": {}}})
    assert whole == nested
    assert ("model.a.b", "choice(3, 4)", "model=mlp") in nested


def test_blocks_nest() -> None:
    entries = read({"model": {"cnn": {"model/block": {"wide": {"model.w": "1,2"}, "deep": {}}}, "mlp": {}}})
    assert entries[1:] == [
        ("model/block", "choice(wide, deep)", "model=cnn"),
        ("model.w", "choice(1, 2)", "model=cnn and model/block=wide"),
    ]


def test_block_of_one_option_fixes_it() -> None:
    assert read({"optim": {"adam": {"optim.lr": "1,2"}}}) == [
        ("optim", "optim=adam", ""),
        ("optim.lr", "choice(1, 2)", ""),
    ]


def test_options_that_are_numbers_in_yaml_are_names() -> None:
    assert read({"size": {18: {"a": "1,2"}, 50: {}}})[1] == ("a", "choice(1, 2)", "size='18'")


def test_prefix_and_package_of_a_group_do_not_hide_it() -> None:
    for key in ("+optim", "optim@second", "+optim@second"):
        entries = read({key: {"adam": {"a": "1,2"}, "sgd": {}}})
        assert entries[1] == ("a", "choice(1, 2)", f"{key}=adam")


def test_option_of_the_command_line_keeps_its_block_alone() -> None:
    assert read(SPLIT, ["optim=sgd"]) == [
        ("optim.lr", "choice(3, 4)", ""),
        ("optim.momentum", "optim.momentum=0.5", ""),
        ("optim", "optim=sgd", ""),
    ]
    assert read(SPLIT, ["optim=lion", "a=1,2"]) == [("optim", "optim=lion", ""), ("a", "choice(1, 2)", "")]


def test_fewer_options_of_the_command_line_keep_their_blocks() -> None:
    kept = [entry for entry in read(SPLIT, ["optim=adam,lion"]) if entry[0] == "optim.lr"]
    assert kept == [("optim.lr", "choice(1, 2)", "optim=adam")]


@pytest.mark.parametrize("argument", ["optim.lr=7", "+optim.lr=7", "optim.lr=interval(0,1)"])
def test_key_of_the_command_line_replaces_it_under_every_option(argument: str) -> None:
    entries = read(SPLIT, [argument])
    assert [given for key, _, given in entries if key == "optim.lr"] == [""]


def test_deleted_group_drops_what_is_written_under_its_options() -> None:
    assert [key for key, _, _ in read(SPLIT, ["~optim", "a=1,2"])] == ["optim", "a"]


def test_what_the_command_line_replaced_is_kept_for_messages() -> None:
    narrowed = read_entries(SPLIT, ["optim=adam", "seed=3"], lambda group: GROUPS.get(group, []))
    choices = [e.content for e in narrowed.unnarrowed if isinstance(e.content, Choice) and e.content.is_group]
    assert [choice.describe() for choice in choices] == ["choice(adam, sgd)"]
    assert [entry.key for entry in narrowed.typed] == ["optim", "seed"]
    assert read_entries(SPLIT, ["seed=3"], lambda group: GROUPS.get(group, [])).unnarrowed == ()


def test_same_key_twice_names_both_places() -> None:
    message = message_of({"optim": {"adam": {"optim.lr": "1,2"}, "sgd": {}}, "optim.lr": "3,4"})
    assert message == (
        "hydra.sweeper.params.optim.lr: hydra.sweeper.params.optim.adam.optim.lr sets the same key; keep one of them."
    )


def test_group_searched_again_inside_its_own_block_is_refused() -> None:
    message = message_of({"optim": {"adam": {"optim": "sgd,lion"}, "sgd": {}}})
    assert message.endswith(": hydra.sweeper.params.optim sets the same key; keep one of them.")


def test_key_below_a_searched_one_is_an_overlap_in_either_order() -> None:
    for params in ({"a": "[1],[2]", "a.0": "1,2"}, {"a.0": "1,2", "a": "[1],[2]"}):
        assert "'a.0' and 'a' (at hydra.sweeper.params.a) set the same key" in message_of(params)
    assert len(read({"a": "1,2", "ab.c": "1,2"})) == 2


# BUG: the choice came after what the command line fixed, and took its place without a word.
@pytest.mark.parametrize(
    ("entry", "argument"),
    [
        ("choice({a: 1}, {a: 2})", "d.a=5"),
        ("choice({b: 1}, {a: 2})", "d.a=5"),
        ("choice({a: {b: 1}}, {a: {b: 2}})", "+d.a.b=5"),
        ("choice({a: 1}, {a: 2})", "d.a.b=5"),
        ("choice([1, 2], [3])", "d.0=5"),
        ("{a: 1},null", "d.c=5"),
        ("interval(0, 1)", "d.a=5"),
    ],
)
def test_fixed_value_that_a_searched_one_would_take_the_place_of_is_refused(entry: str, argument: str) -> None:
    key = argument.partition("=")[0].lstrip("+")
    assert message_of({"d": entry}, [argument]).endswith(
        f"'{key}' and 'd' (at hydra.sweeper.params.d) set the same key, since the second sets all that is below it; "
        "keep one of them."
    )


def test_mapping_of_the_command_line_is_refused_where_a_key_of_it_is_searched() -> None:
    message = message_of({"d.a": "1,2"}, ["d={a: 5}"])
    assert message.startswith("hydra.sweeper.params.d.a: 'd.a' and 'd' (at the command line's d) set the same key")
    for argument in ("d={b: 5}", "~d"):
        assert ("d.a", "choice(1, 2)", "") in read({"d.a": "1,2"}, [argument])


def test_fixed_value_beside_what_a_searched_mapping_sets_is_no_overlap() -> None:
    assert len(read({"d": "choice({a: 1}, {a: 2})", "d.b": 3}, ["d.c=4"])) == 3
    assert len(read({"d": "{a: 1, b: 2}", "d.a": "1,2"})) == 2  # the file says it all itself
