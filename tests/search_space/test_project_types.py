"""Which values a parameter may have by the project's types, and what its tags say."""

from dataclasses import dataclass

import pytest
from hydra.core.config_store import ConfigStore

from ax_mo.hydra_project.project import Project
from ax_mo.search_space.parameters import Condition, Range
from tests.search_space.networks import MakeProject, built, message_of, parameter, space_of

# Types of the project


@pytest.fixture
def typed(make_project: MakeProject) -> Project:
    @dataclass
    class Wide:
        width: int = 32
        rate: float = 1.0
        depth: int | None = None

    @dataclass
    class Narrow:
        size: int = 1

    store = ConfigStore.instance()
    store.store(group="net", name="typed_wide", node=Wide)
    store.store(group="net", name="typed_narrow", node=Narrow)
    return make_project({"conf/config.yaml": "defaults: [{net: typed_narrow}, _self_]\nbatch: 32\nscale: 1.5\n"})


@pytest.mark.parametrize("key", ["net.width", "net.depth"])
def test_interval_over_a_typed_int_holds_whole_numbers(typed: Project, key: str) -> None:
    result = built(typed, {"net": "typed_wide,typed_narrow", key: "interval(16, 128)"})
    condition = Condition("net", ("typed_wide",))
    assert parameter(result.space, key) == Range(key, 16, 128, integral=True, when=(condition,))
    assert type(parameter(result.space, key).low) is int  # type: ignore[union-attr]
    assert result.hints == ()


def test_log_scale_over_a_typed_int_stays_one(typed: Project) -> None:
    space = space_of(typed, {"net": "typed_wide", "net.width": "tag(log, interval(16, 128))"})
    assert space.parameters == (Range("net.width", 16, 128, integral=True, log=True),)


def test_interval_over_a_typed_int_refuses_bounds_that_are_not_whole(typed: Project) -> None:
    message = message_of(typed, {"net": "typed_wide", "net.width": "interval(0.5, 8)"})
    assert message.startswith("hydra.sweeper.params.net.width: 'net.width' is an int in the project's configuration")
    assert "interval(0.5, 8.0) is not a whole number" in message


def test_interval_over_a_typed_float_holds_floats(typed: Project) -> None:
    result = built(typed, {"net": "typed_wide", "net.rate": "interval(1, 2)"})
    assert result.space.parameters == (Range("net.rate", 1.0, 2.0),)
    assert result.hints == ()


def test_interval_over_an_untyped_int_stays_one_of_floats_and_earns_a_hint(typed: Project) -> None:
    result = built(typed, {"batch": "interval(16, 128)"})
    assert result.space.parameters == (Range("batch", 16.0, 128.0),)
    (hint,) = result.hints
    assert "batch is searched as a float" in hint
    assert hint.endswith("write batch: int(interval(16, 128))")


@pytest.mark.parametrize(
    "params",
    [{"batch": "int(interval(16, 128))"}, {"batch": "interval(0.5, 2)"}, {"scale": "interval(1, 2)"}, {"batch": "1,2"}],
)
def test_interval_that_is_clear_earns_no_hint(typed: Project, params: dict[str, str]) -> None:
    assert built(typed, params).hints == ()


# Tags
