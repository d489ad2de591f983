"""A point as it is typed, checked by the space alone: the project, which knows the rest, may be on another machine."""

from typing import Any

import pytest

from ax_mo.core.linear import LinearConstraint
from ax_mo.errors import ConfigError
from ax_mo.search_space.space import SearchSpace
from ax_mo.search_space.typed_point import typed_point, whole_point
from tests.support.studies import CONDITIONAL, FLAT

LIMITED = SearchSpace(FLAT.parameters, (LinearConstraint((("width", 1.0),), 64.0, "width <= 64"),))


@pytest.mark.parametrize(
    ("space", "words", "point"),
    [
        (FLAT, "optim.lr=0.01", {"optim.lr": 0.01}),
        (FLAT, "model=cnn act='tanh'", {"model": "cnn", "act": "tanh"}),
        (CONDITIONAL, "channels=8", {"channels": 8}),
        (CONDITIONAL, "channels=8 model=cnn", {"channels": 8, "model": "cnn"}),
        (LIMITED, "width=64 model=mlp", {"width": 64, "model": "mlp"}),
    ],
)
def test_what_is_named_is_taken_as_hydra_reads_it(space: SearchSpace, words: str, point: dict[str, Any]) -> None:
    assert typed_point(space, words.split(), "enqueue") == point
    assert whole_point(space, point) is None


@pytest.mark.parametrize(
    ("space", "words", "message"),
    [
        (FLAT, "lr=0.01", "'lr' is not among the searched parameters. Did you mean 'optim.lr'?"),
        (FLAT, "optim.lr=3", "optim.lr=3 is above its upper bound 0.1."),
        (FLAT, "optim.lr=fast", "optim.lr='fast' is not a number."),
        (FLAT, "model=vit", "model='vit' is not among mlp, cnn."),
        (FLAT, "model", "'model' is not key=value in Hydra's grammar"),
        (FLAT, "model=mlp,cnn", "'model=mlp,cnn' is more than one value; name one."),
        (FLAT, "~model", "'~model' deletes a key; name a value."),
        (FLAT, "width=20 width=30", "width is named twice."),
        (CONDITIONAL, "channels=8 model=mlp", "channels is only there when model=cnn; leave it out, or choose that."),
        (LIMITED, "width=65", "it violates width <= 64."),
    ],
)
def test_what_can_be_no_point_is_refused_with_what_is_wrong(space: SearchSpace, words: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        typed_point(space, words.split(), "enqueue")
    assert str(caught.value).startswith(f"enqueue: {message}")


def test_point_that_leaves_nothing_to_the_project_is_known_as_a_whole() -> None:
    named = typed_point(CONDITIONAL, ["model=cnn", "optim.lr=0.01", "channels=8.0"], "enqueue")
    assert whole_point(CONDITIONAL, named) == {"model": "cnn", "optim.lr": 0.01, "channels": 8}
