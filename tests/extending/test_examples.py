"""Each example of ``docs/extending.md`` works as the page says, in a real sweep."""

import re
from collections.abc import Callable

import pytest

from ax_mo.errors import ConfigError
from ax_mo.trial.metric_sources.settings import parse_metric_sources
from tests.extending.conftest import PAGE, ExampleSweep

Example = Callable[[str], ExampleSweep]


def test_example_fits_on_a_screen() -> None:
    for code in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        assert len(code.splitlines()) <= 40, code


def test_metric_source(example: Example) -> None:
    sweep = example("A metric source")
    sweep.completed("leaves=model.bin")
    assert [float(trial["metrics.model_size"]) for trial in sweep.trials()] == [0.008, 0.008]
    assert sweep.result(0)["sources"]["model_size"] == "file_size"
    with pytest.raises(ConfigError, match=r"^hydra\.sweeper\.metrics\.size\.unit: 'gb' is not known"):
        parse_metric_sources({"size": {"source": "file_size", "path": "x", "unit": "gb"}})
