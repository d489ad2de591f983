"""Any point that can be suggested, given to Hydra as a trial's overrides, composes to that point: value and type."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import create_functions
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from ax_mo.errors import ConfigError
from ax_mo.hydra_project.overrides import bare, quoted
from ax_mo.hydra_project.project import Project, chosen_option
from ax_mo.optimizer.ax_space import AxSpace
from ax_mo.search_space.build import build_space
from ax_mo.search_space.entries import read_entries
from ax_mo.search_space.grammar import FixedOverride
from ax_mo.search_space.parameters import Choice, Parameter, Range
from ax_mo.search_space.space import SearchSpace
from tests.support.long import LONG

pytestmark = pytest.mark.longer
thorough = settings(database=None, derandomize=True)

FILES = {
    "conf/config.yaml": """
        defaults:
          - model: mlp
          - optim: sgd
          - null_group: null
          - open_group: ???
          - first@left: small
          - _self_
        a: null
        b: null
        c: {d: null, e: {f: null}}
        seed: 1
        word: text
        """,
    "conf/model/mlp.yaml": "width: 1\ndropout: 0.1\n",
    "conf/model/cnn.yaml": "defaults: [{block: basic}]\nchannels: 1\ndropout: 0.1\n",
    "conf/model/resnet.yaml": "defaults: [{block: bottleneck}]\nchannels: 1\n",
    "conf/model/block/basic.yaml": "kernel: 1\n",
    "conf/model/block/bottleneck.yaml": "defaults: [{gate: plain}]\nkernel: 1\nexpansion: 1\n",
    "conf/model/block/gate/plain.yaml": "size: 1\n",
    "conf/model/block/gate/soft.yaml": "size: 1\nslope: 1\n",
    "conf/optim/sgd.yaml": "lr: 0.1\nmomentum: 0.9\n",
    "conf/optim/adam.yaml": "lr: 0.1\nbeta: 0.9\n",
    "conf/optim/18.yaml": "lr: 0.1\nbeta: 0.9\n",
    "conf/null_group/x.yaml": "x: 1\n",
    "conf/null_group/y.yaml": "y: 1\n",
    "conf/open_group/x.yaml": "x: 1\n",
    "conf/open_group/y.yaml": "y: 1\n",
    "conf/first/small.yaml": "s: 1\n",
    "conf/first/large.yaml": "l: 1\n",
}
CHOSEN = ["open_group=x"]


@pytest.fixture(scope="module")
def project(make_shared_project: Callable[[dict[str, str]], Project]) -> Project:
    return make_shared_project(FILES)


def same(a: Any, b: Any) -> bool:
    """Equal in value and type, also inside containers; a NaN equals itself."""
    return repr(a) == repr(b)


def at(config: DictConfig, key: str) -> Any:
    """The value at a dotted key, interpolations as they are written."""
    node = OmegaConf.to_container(config, resolve=False)
    for name in key.split("."):
        node = node[name]  # type: ignore[index, call-overload]
    return node


def check_ways_back(space: SearchSpace, point: Mapping[str, Any]) -> None:
    """The point survives Ax's terms and JSON, and is inside the space."""
    ax_space = AxSpace(space)
    assert same(ax_space.decode(ax_space.encode(point)), dict(point))
    assert same(space.restricted(json.loads(json.dumps(point))), dict(point))
    assert space.outside(point) is None


# Values in Hydra's grammar

WORDS = ["", " ", "null", "true", "False", "1e-3", "1", "nan", "inf"]
WORDS += ["-", "???", "~x", "a,b", "a=b", "a b", "[1]", "{a:1}"]
WORDS += ["'", '"', "\\'", "a\\", "#x", "é", "💡", "choice(a)", "a:b", "a/b", "%", "*", "\n", "-1", "0x10", "1_000"]
INTERPOLATIONS = ["${seed}", "a ${seed} b", "${c.d}", "${oc.env:HOME}", "\\${seed}", "${${word}}"]

# OmegaConf refuses "${" where no interpolation follows; a test below.
free_text = st.text("ab'\"\\,=${}[]()#:; \té1", max_size=6).map(lambda text: text.replace("${", "$ {"))
strings = (
    st.sampled_from(WORDS)
    | st.sampled_from(INTERPOLATIONS)
    | free_text
    | st.text(max_size=5).map(lambda text: text.replace("${", "$ {"))
)
numbers = st.integers(-(2**70), 2**70) | st.integers(-3, 3) | st.floats() | st.sampled_from([0.0, 1.0, -0.0, 1e-300])
names = st.from_regex(r"[a-z]{1,3}_", fullmatch=True)
elements = st.recursive(
    strings | numbers | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=2, max_size=4, unique_by=repr)


def written(value: Any) -> str:
    """The value in Hydra's grammar."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{written(entry)}" for key, entry in value.items()) + "}"
    return "null" if value is None else repr(value)


def listed(values: list[Any]) -> str:
    return ",".join(map(written, values))


def choice_of(values: st.SearchStrategy[Any], form: str) -> st.SearchStrategy[tuple[str, list[Any]]]:
    """Entries of the form, with the options that they hold."""
    return several(values).map(lambda chosen: (form.format(listed(chosen)), chosen))


def cast(function: str, values: st.SearchStrategy[Any], to: Callable[[Any], Any]) -> st.SearchStrategy[Any]:
    return choice_of(values, f"{function}(choice({{}}))").map(lambda entry: (entry[0], [to(v) for v in entry[1]]))


whole = st.integers(-1000, 1000)
finite = st.floats(-1e6, 1e6)
plain_words = st.sampled_from(["a", "b", "c d", "e,f", "g'h", "1", "null"])
bounds = st.tuples(whole, st.integers(1, 1000)).map(lambda pair: (pair[0], pair[0] + pair[1]))
above_zero = st.tuples(st.integers(1, 50), st.integers(1, 1000)).map(lambda pair: (pair[0], pair[0] + pair[1]))

choices = (
    choice_of(elements, "{}")
    | choice_of(elements.filter(lambda value: value is not None), "choice({})")
    | choice_of(strings, "tag(ordered, choice({}))")
    | choice_of(whole | finite, "tag(categorical, choice({}))")
    | choice_of(plain_words, "sort(choice({}))")
    | choice_of(whole, "sort({}, reverse=true)")
    | choice_of(strings, "shuffle(choice({}))")
    | cast("int", st.integers(-9, 9).map(float), int)
    | cast("float", whole, float)
    | cast("str", whole | st.booleans(), lambda value: str(value).lower() if isinstance(value, bool) else str(value))
    | cast("bool", st.sampled_from([0, 1]), bool)
    | st.tuples(whole, st.integers(3, 9), st.integers(2, 5)).map(
        lambda t: (f"range({t[0]}, {t[0] + t[1] * t[2]}, step={t[2]})", list(range(t[0], t[0] + t[1] * t[2], t[2])))
    )
)
if "json_str" in create_functions().definitions:  # since Hydra 1.4
    containers = st.lists(whole, max_size=2) | st.dictionaries(names, whole, max_size=2)
    choices |= cast("json_str", containers, json.dumps)

ranges = (
    bounds.map(lambda pair: "interval({}, {})".format(*pair))
    | bounds.map(lambda pair: "int(interval({}, {}))".format(*pair))
    | bounds.map(lambda pair: f"range({pair[0]}, {pair[1] + 1})")
    | bounds.map(lambda pair: f"range({pair[0]}.0, {min(pair[1], pair[0] + 50)}.0, step=0.25)")
    | above_zero.map(lambda pair: "tag(log, interval({}e-3, {}e-3))".format(*pair))
    | above_zero.map(lambda pair: "tag(log, int(interval({}, {})))".format(*pair))
).map(lambda text: (text, None))

KEYS = ["a", "b", "c.d", "c.e.f", "+new", "++other.deep", "++seed", "word", "+c.more"]
units = st.floats(0, 1, exclude_max=True)
entries = st.dictionaries(st.sampled_from(KEYS), st.tuples(choices | ranges, units), min_size=1, max_size=5)


def parameter_of(key: str, text: str) -> Parameter:
    (entry,) = read_entries({key: text}, [], lambda _: []).all
    assert not isinstance(entry.content, FixedOverride)
    return entry.content


@settings(thorough, max_examples=650 if LONG else 30)
@given(entries)
@example({"a": (("1,1.0,true,'1',null", [1, 1.0, True, "1", None]), 0.3), "b": (("0.0,-0.0", [0.0, -0.0]), 0.9)})
def test_point_of_any_values_composes_to_itself(
    project: Project, drawn: dict[str, tuple[tuple[str, list[Any] | None], float]]
) -> None:
    parameters = []
    for key, ((text, expected), _) in drawn.items():
        parameter = parameter_of(key, text)
        if expected is not None:
            assert isinstance(parameter, Choice)
            assert sorted(repr(option.value) for option in parameter.options) == sorted(map(repr, expected))
        parameters.append(parameter)
    space = SearchSpace(tuple(parameters), (), tuple(CHOSEN))
    point = space.point_at([unit for _, unit in drawn.values()])
    assert list(point) == list(drawn)
    check_ways_back(space, point)
    config = project.compose(space.overrides(point))
    for key, value in point.items():
        assert same(at(config, bare(key)), value)


@pytest.mark.parametrize("text", ["${", "a${b", "${a b}", "${}"])
def test_string_that_no_config_can_hold_is_refused(project: Project, text: str) -> None:
    with pytest.raises(ConfigError, match=r"^hydra\.sweeper\.params\.a: a trial does not compose: "):
        build_space({"a": f"choice({quoted(text)}, b)", "open_group": "x"}, [], [], project)


# What is active

NESTED = {
    "model": "choice(mlp, cnn, resnet)",
    "model/block": "choice(basic, bottleneck)",
    "model/block/gate": "glob(*)",
    "model.width": "interval(1, 64)",
    "model.channels": "int(interval(1, 64))",
    "model.dropout": "0,0.5,null",
    "model.block.kernel": "3,5,7",
    "model.block.expansion": "range(1, 9)",
    "model.block.gate.slope": "tag(log, interval(1e-3, 1))",
    "optim": "glob(*)",
    "optim.beta": "0.9,'${seed}'",
    "optim.momentum": 0.5,
    "seed": 3,
}
PER_OPTION = {
    "model": {
        "mlp": {"model.width": "int(interval(1, 9))", "+model.extra": "choice('é', '1')"},
        "cnn": {"model/block": {"basic": {"model.block.kernel": "1,2.5,null"}, "bottleneck": {}}, "model.channels": 9},
        "resnet": {
            "model/block": {
                "bottleneck": {"model/block/gate": "soft,plain", "model.block.kernel": "'3',4"},
                "basic": {},
            }
        },
    },
    "optim": {"sgd": {"optim.lr": "interval(0, 1)"}, "18": {"optim.lr": "tag(log, interval(1e-5, 1))"}, "adam": {}},
    "++a": "choice({b_: 1}, [1, '2', null])",
    "open_group": "x,y",
}
CROSSED = {
    "model": {"mlp": {"optim.momentum": "interval(0, 1)"}, "cnn": {"optim.beta": "interval(0, 1)"}, "resnet": {}},
    "optim": "choice(sgd, adam)",
    "null_group": "choice(x, y)",
    "null_group.y": "1,2",
    "first@left": {"small": {"left.s": "interval(1, 2)"}, "large": {"left.l": "a,b"}},
    "+first@right": "small,large",
    "right.l": "'1',1",
}


@pytest.fixture(scope="module")
def conditional_spaces(project: Project) -> list[SearchSpace]:
    return [
        build_space(params, CHOSEN if "open_group" not in params else [], [], project).space
        for params in (NESTED, PER_OPTION, CROSSED)
    ]


@settings(thorough, max_examples=360 if LONG else 20)
@given(st.integers(0, 2), st.lists(units, min_size=16, max_size=16))
def test_conditional_point_composes_to_itself_without_what_is_inactive(
    project: Project, conditional_spaces: list[SearchSpace], index: int, numbers_drawn: list[float]
) -> None:
    space = conditional_spaces[index]
    point = space.point_at(numbers_drawn[: len(space.parameters)])
    check_ways_back(space, point)
    lines = space.overrides(point)
    searched = [line for line in lines if line.split("=")[0] in space.keys]
    assert sorted(line.split("=")[0] for line in searched) == sorted(point)
    config = project.compose(lines)
    by_key = {parameter.key: parameter for parameter in space.active(point)}
    for key, value in point.items():
        parameter = by_key[key]
        if isinstance(parameter, Choice) and parameter.is_group:
            assert chosen_option(config, bare(key)) == value
        else:
            assert same(at(config, bare(key)), value)
            assert not isinstance(parameter, Range) or type(value) is (int if parameter.integral else float)


def test_every_parameter_of_those_spaces_can_be_active_and_inactive(conditional_spaces: list[SearchSpace]) -> None:
    """The property above says little of a space in which everything is always active."""
    for space in conditional_spaces:
        assert sum(bool(parameter.when) for parameter in space.parameters) >= 5


def test_plain_value_of_those_spaces_is_given_where_its_key_exists(
    project: Project, conditional_spaces: list[SearchSpace]
) -> None:
    nested = conditional_spaces[0]
    seen = set()
    for choice in ("sgd", "adam", "18"):
        point = {"model": "mlp", "model.width": 1.0, "model.dropout": 0, "optim": choice, "optim.beta": 0.9}
        config = project.compose(nested.overrides(nested.restricted(point)))
        assert config.seed == 3
        seen.add((choice, config.optim.get("momentum")))
    assert seen == {("sgd", 0.5), ("adam", None), ("18", None)}
