"""Arithmetic on values of a configuration."""

from typing import Any

import pytest

from ax_mo.core.expression import ExpressionError, evaluate

VALUES: dict[str, Any] = {
    "width": 8, "model.depth": 3, "model.layers": [64, 32], "model.layers[1]": 32, "lr": 0.5, "name": "mlp",
    "none": None, "on": True, "big": 10**400, "zero": 0, "words": ["a"], "empty": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("width", 8),
        ("width * model.depth", 24),
        (" -width + 2*(model.depth - 1) ", -4),
        ("width ** 2 / 4", 16),
        ("width // model.depth % 2", 0),
        ("sum(model.layers)", 96),
        ("model.layers[1] * 2", 64),
        ("len(model.layers) * width", 16),
        ("max(width, model.depth) - min(model.layers)", -24),
        ("1e2 * lr", 50),
    ],
)
def test_expression_comes_to_a_number(text: str, value: float) -> None:
    assert evaluate(text, VALUES.__getitem__) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width *", r"is no expression; possible are keys, numbers, \+ - \* / // % \*\*, parentheses, sum\(\)"),
        ("", "is no expression"),
        ("(" * 5000, "is no expression"),
        ("-" * 100_000 + "width", "no expression|nested too deeply"),
        ("8 * 3", "names no key of the configuration, and would be the same in every trial"),
        ("sum(1, 2)", "names no key"),
        ("name", "has no number as its value: 'name' is 'mlp'"),
        ("2 * none", "has no number as its value: 'none' is None"),
        ("on", "has no number as its value: 'on' is True"),
        ("model.layers", r"has no number as its value: 'model.layers' is \[64, 32\]"),
        ("sum(words)", "has no number as its value: a list holds 'a'"),
        ("max(empty)", r"has max\(\) of an empty list"),
        ("sum(width)", r"has sum\(\) of what is no list \(8\)"),
        ("width / zero", "cannot be calculated: .*division by zero"),
        ("big + 1", "cannot be calculated: "),
        ("9 ** 9 ** 9 ** width", "cannot be calculated: "),
        ("(0 - width) ** lr", "cannot be calculated: "),
        ("width < 3", "holds 'width < 3'; possible are keys"),
        ("sin(width)", r"holds 'sin\(width\)'; possible are"),
        ("__import__('os').system('x') + width", "holds "),
        ("[width for width in (1,)]", "holds "),
        ("'a' * width", "holds ''a''"),
        ("lambda: width", "holds "),
        ("width if lr else 3", "holds "),
        ("model.layers[lr]", "holds 'model.layers.lr.', which is no key"),
        ("True + width", "holds 'True'"),
    ],
)
def test_mistake_is_told(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        evaluate(text, VALUES.__getitem__)


def test_nothing_of_an_object_is_looked_up() -> None:
    with pytest.raises(KeyError, match=r"width\.__class__\.__mro__"):
        evaluate("width.__class__.__mro__", VALUES.__getitem__)
