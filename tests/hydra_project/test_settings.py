"""Blocks of settings: names and types are OmegaConf's affair, the sentences ours."""

from dataclasses import dataclass, field, fields
from typing import Any

import pytest

from ax_mo.errors import ConfigError
from ax_mo.hydra_project.settings import BLOCK, HELP, given_values, parse_block
from hydra_plugins.ax_mo_sweeper._config import AxMoSweeperConf
from hydra_plugins.torchx_launcher._config import TorchXLauncherConf

EXAMPLE = "block: {rule: all}"


@dataclass
class Block:
    rule: str | None = None
    share: float | None = None
    count: int = 1
    names: dict[str, str] = field(default_factory=dict)


def parsed(given: Any) -> Block:
    where = "hydra.sweeper.block"
    return parse_block(Block, given_values(given, where, EXAMPLE), where, EXAMPLE)


def test_values_have_the_types_of_the_block_and_what_is_null_is_not_given() -> None:
    block = parsed({"share": 1, "count": "3", "names": {"a": "b"}})
    assert block == Block(share=1.0, count=3, names={"a": "b"})
    for nothing in (None, {}, {"count": None}):
        assert parsed(nothing) == Block()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("all", "hydra.sweeper.block must be a mapping, not 'all'; write block: {rule: all}."),
        (
            {"ruel": 1},
            "hydra.sweeper.block has no setting 'ruel'. Did you mean 'rule'? It takes rule, share, count, na",
        ),
        ({"count": 1.5}, "hydra.sweeper.block.count must be a whole number, not 1.5; write block: {rule: all}."),
        ({"count": True}, "hydra.sweeper.block.count must be a whole number, not True; write block: {rule: all}."),
        ({"share": "half"}, "hydra.sweeper.block.share must be a number, not 'half'; write block: {rule: all}."),
        ({"rule": ["a"]}, "hydra.sweeper.block.rule must be a text, not ['a']; write block: {rule: all}."),
        ({"names": "a"}, "hydra.sweeper.block.names must be a mapping, not 'a'; write block: {rule: all}."),
    ],
)
def test_wrong_value_is_named_with_what_could_be_written(given: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parsed(given)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("settings", [AxMoSweeperConf, TorchXLauncherConf])
def test_every_setting_says_what_it_is_for(settings: type) -> None:
    of_hydra = ("_target_", "_recursive_", "defaults")
    unsaid = [each.name for each in fields(settings) if not each.metadata.get(HELP) and each.name not in of_hydra]
    assert not unsaid
    for each in fields(settings):
        if BLOCK in each.metadata:
            assert each.metadata[BLOCK].keys() == getattr(settings(), each.name).keys()
