"""The private names of Hydra and OmegaConf do what we take them for; where one fails here, ``compat`` needs another."""

import copy
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.experimental.callback import Callback
from hydra.types import HydraContext
from omegaconf import OmegaConf
from omegaconf.errors import ValidationError

from ax_mo.hydra_project import compat

CONFIG = OmegaConf.create({"a": {"b": "${c}"}, "c": 1, "list": [1, "${c}"]})


@dataclass
class Texts:
    own: str = "x"
    other: str = "x"


def test_flags_are_parsed_as_hydra_does() -> None:
    parsed = compat.flags_parser().parse_args(["-m", "--config-name", "c", "a=1"])
    assert (parsed.config_name, parsed.overrides, parsed.multirun) == ("c", ["a=1"], True)


def test_callback_is_added_to_those_of_a_sweep() -> None:
    callbacks, added = Callbacks(), Callback()
    compat.add_callback(HydraContext(config_loader=None, callbacks=callbacks), added)  # type: ignore[arg-type]
    assert callbacks.callbacks == [added]


@pytest.mark.parametrize(("element", "text"), [(1, "1"), (None, "null"), ("key", "key"), (1.5, "1.5")])
def test_element_is_written_in_hydras_grammar(element: object, text: str) -> None:
    assert compat.element_as_text(element) == text


def test_value_of_an_override_is_what_the_configuration_gets() -> None:
    (override,) = OverridesParser.create().parse_overrides(["a=[1,'x',{k: \"2\"}]"])
    assert compat.plain_value(QuotedString("1", Quote.single)) == "1"
    assert compat.plain_value([QuotedString("1", Quote.single), {"k": 2}]) == ["1", {"k": 2}]
    other = compat.with_number(override, 2.5, "a=2.5")
    assert (other.key_or_group, other.value(), other.input_line) == ("a", 2.5, "a=2.5")


class OnlyX(compat.CheckedText):
    def check(self, value: object) -> None:
        if value != "x":
            raise ValidationError("only x")


def test_text_of_a_structured_config_may_be_refused() -> None:
    config = OmegaConf.structured(Texts)
    compat.put_checked(config, "own", OnlyX)
    for one in (config, copy.deepcopy(config), OmegaConf.merge(config, {"other": "y"})):
        with pytest.raises(ValidationError, match="only x"):
            one.own = "y"
        one.own = "x"


def test_defaults_list_of_a_config_is_read_as_hydra_reads_it(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("defaults: [override hydra/launcher: basic, _self_]\n")
    with initialize_config_dir(str(tmp_path), version_base=None):
        loader = GlobalHydra.instance().config_loader()
        overrides = [entry.is_override() for entry in compat.defaults_of(loader, "config")]
    assert overrides == [True, False]


def test_node_is_given_unresolved() -> None:
    node = compat.node_of(CONFIG.a, "b")
    assert OmegaConf.is_interpolation(node) and compat.written_value(node) == "${c}"
    assert compat.written_value(compat.node_of(CONFIG.list, 1)) == "${c}"
    assert compat.written_value(compat.node_of(CONFIG, "c")) == 1


def test_mapping_that_is_null_or_missing_has_no_content() -> None:
    config = OmegaConf.create({"there": {}, "none": None, "missing": "???"})
    assert [compat.has_content(compat.node_of(config, key)) for key in config] == [True, False, False]
