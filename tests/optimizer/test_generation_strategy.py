"""A strategy of the user's own for Ax."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Suggestion
from ax_mo.errors import ConfigError
from ax_mo.optimizer.generation_strategy import check_strategy
from ax_mo.search_space.parameters import Choice, Condition, Option, Range
from ax_mo.search_space.space import SearchSpace
from tests.support.played import PlayedStudy
from tests.support.sweeps import ROOT

SPACE = SearchSpace((
    Choice("net", (Option("a", "a"), Option("b", "b"))),
    Range("lr", 1e-4, 1e-1, log=True),
    Range("width", 4, 64, integral=True, when=(Condition("net", ("b",)),)),
))  # fmt: skip
GOALS = parse_goals({"val/acc": "maximize", "size": {"goal": "minimize", "threshold": 70}})
BROKEN = """
number = 7
def returns_none(experiment, seed): pass
def fails(experiment, seed): raise KeyError("nodes")
"""


def evaluate(point: Any) -> dict[str, float]:
    return {"val/acc": 1 - abs(point["lr"] - 0.01), "size": float(point.get("width", 10))}


@pytest.fixture(autouse=True)
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """That of the page, as a module of the project."""
    page = (ROOT / "docs" / "how_to" / "goals.md").read_text()
    (code,) = re.findall(r"^```python\n(# strategies.py.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "strategies.py").write_text(code)
    (tmp_path / "broken_strategies.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("strategies", "broken_strategies"):
        sys.modules.pop(name, None)


def test_makes_every_point_and_goes_on_after_a_resume_where_it_was() -> None:
    def study(trials: Any = ()) -> PlayedStudy:
        own = [Suggestion({"net": "a", "lr": 0.001}, "config")]
        return PlayedStudy(SPACE, GOALS, trials, seed=3, first=own, generation_strategy="strategies:make")

    whole = study()
    generators = [trial.generator for trial in whole.play(5, evaluate)]
    assert generators == ["config", "Start", "Start", "Start", "BoTorch"]
    for count in (2, 4):
        resumed = study(whole.trials[:count])
        assert resumed.ask().generator == generators[count]


def test_what_is_no_strategy_is_refused_before_anything_runs() -> None:
    def refused(path: str, method: str = "fast", startup: int | None = None) -> str:
        with pytest.raises(ConfigError) as raised:
            check_strategy(path, method, startup, SPACE, GOALS)
        return str(raised.value).removeprefix("hydra.sweeper.")

    check_strategy("strategies:make", "fast", None, SPACE, GOALS)
    assert "must be module:function, such as" in refused("strategies.make")
    assert "cannot be imported: AttributeError" in refused("strategies:made")
    assert "cannot be imported: ModuleNotFoundError" in refused("strategy:make")
    assert "is no function" in refused("broken_strategies:number")
    assert "must return Ax's GenerationStrategy, not NoneType" in refused("broken_strategies:returns_none")
    assert "broken_strategies:fails fails: KeyError: 'nodes'" in refused("broken_strategies:fails")
    assert "is in place of hydra.sweeper.method, which is 'saas'" in refused("strategies:make", "saas")
    assert refused("strategies:make", startup=8).startswith("n_startup_trials does nothing")
