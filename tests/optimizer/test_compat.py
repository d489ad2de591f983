"""A version of Ax or BoTorch without one of the private names that we use: a warning, and no end of the study."""

from collections.abc import Iterator
from typing import Any

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.errors import StudyStopped
from ax_mo.optimizer import compat
from ax_mo.search_space.parameters import Range
from ax_mo.search_space.space import SearchSpace
from tests.support.played import PlayedStudy

SPACE = SearchSpace((Range("a", 0.0, 1.0), Range("b", 0.0, 1.0)))
GOALS = parse_goals({"f": "minimize", "g": "minimize"})


@pytest.fixture(autouse=True)
def not_warned_yet() -> Iterator[None]:
    compat.warn_once.cache_clear()
    yield
    compat.warn_once.cache_clear()


def metrics(point: Any) -> dict[str, float]:
    return {"f": point["a"] + point["b"], "g": 1 - point["a"] ** 2}


def test_botorch_without_the_switch_of_its_kernel(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from botorch.acquisition.multi_objective import logei

    monkeypatch.delattr(logei, "_load_attempted")
    for _ in range(2):
        compat.never_compile_kernels()
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "no logei._load_attempted" in warning and warning.startswith("botorch 0.") and "half a minute" in warning


def test_ax_without_its_notes_of_what_made_a_point(caplog: pytest.LogCaptureFixture) -> None:
    nameless = object()  # a generator run of which nothing is called as it was
    assert [compat.node_name(nameless) for _ in range(2)] == ["unknown"] * 2
    assert sum("_generation_node_name" in record.getMessage() for record in caplog.records) == 1


def test_ax_that_cannot_be_done_without_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    from ax.api.client import Client

    monkeypatch.delattr(Client, "_experiment")
    with pytest.raises(StudyStopped, match=r"has no Client\._experiment.*pip install 'ax-platform>=1\.3\.1,<1\.4'"):
        PlayedStudy(SPACE, GOALS).play(6, metrics)
