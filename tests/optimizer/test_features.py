"""To the model, what is inactive makes no difference, and what is active under several options is one."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pytest
import torch

from ax_mo.core.objectives import parse_goals
from ax_mo.optimizer.ax_space import AxSpace
from ax_mo.optimizer.features import ActiveFeatures
from ax_mo.optimizer.gaussian_process import StudyGP
from ax_mo.search_space.parameters import Choice, Condition, Option, Parameter, Range
from ax_mo.search_space.sample import QuasiRandomPoints
from ax_mo.search_space.space import SearchSpace
from tests.support.played import PlayedStudy
from tests.support.trials import make_trial


def choice(key: str, *values: Any, ordered: bool = False, when: tuple[Condition, ...] = ()) -> Choice:
    return Choice(key, tuple(Option(value, str(value)) for value in values), ordered, when=when)


PARAMETERS: tuple[Parameter, ...] = (
    choice("model", "mlp", "cnn", "resnet"),
    choice("optim", "sgd", "adam"),
    choice("block", "basic", "wide", "deep", when=(Condition("model", ("cnn", "resnet")),)),
    Range("hidden", 0.0, 1.0, when=(Condition("model", ("mlp",)),)),
    Range("width", 0.0, 1.0, when=(Condition("block", ("wide", "deep")),)),
    Range("clip", 0.0, 1.0, when=(Condition("model", ("mlp", "cnn")), Condition("optim", ("adam",)))),
    Range("gate", 0.0, 1.0, when=(Condition("model", ("resnet",)), Condition("block", ("wide",)))),
    choice("layers", 1, 2, 8, ordered=True),
    choice("norm", True, None, 3),
    choice("kind", 1, 2, 8),
    Range("second", 0.0, 1.0, when=(Condition("layers", ("2", "8")),)),
    Range("scale", 0.0, 1.0, when=(Condition("norm", ("True", "3")),)),
)
PLAIN = {"layers": 2, "norm": None, "kind": 2}
SPACE = SearchSpace(PARAMETERS)
AX_SPACE = AxSpace(SPACE)
NAMES = list(dict.fromkeys(variant.name for variants in AX_SPACE.variants for variant in variants))


def row(point: Mapping[str, Any], inactive: float) -> list[float]:
    """The point as Ax gives it to the model; parameters that are inactive stand at ``inactive``."""
    encoded = {**AX_SPACE.encode(point)}
    if "clip" not in point:
        encoded.pop("clip", None)  # in Ax's tree, but inactive
    at = dict.fromkeys(NAMES, inactive)
    for variant in (variant for variants in AX_SPACE.variants for variant in variants if variant.name in encoded):
        at[variant.name] = encoded[variant.name]
        if isinstance(variant.parameter, Choice):
            options = [option.text for option in variant.parameter.options]
            at[variant.name] = options.index(str(encoded[variant.name])) / (len(options) - 1)
    return [at[name] for name in NAMES]


def features(*rows: list[float]) -> torch.Tensor:
    return ActiveFeatures(AX_SPACE.variants, NAMES)(torch.tensor(rows, dtype=torch.double))


def points(count: int) -> list[dict[str, Any]]:
    return list(islice(QuasiRandomPoints(SPACE, 1), count))


def test_points_that_differ_in_what_is_inactive_are_the_same_to_the_model() -> None:
    of_zero, of_one, of_some = ([row(point, fill) for point in points(64)] for fill in (0.0, 1.0, 0.3))
    assert of_zero != of_one
    reference = features(*of_zero)
    assert torch.equal(features(*of_one), reference) and torch.equal(features(*of_some), reference)
    assert len(reference.unique(dim=0)) == len({SPACE.identity(point) for point in points(64)})


def test_points_that_differ_in_what_is_active_are_not() -> None:
    base = {"model": "cnn", "optim": "adam", "block": "wide", "width": 0.2, "clip": 0.2, **PLAIN, "second": 0.2}
    changes = [
        {"width": 0.9},
        {"clip": 0.9},
        {"block": "deep"},
        {"second": 0.9},
        {"norm": 3, "scale": 0.5},
        {"kind": 8},
    ]
    others = [{**base, **change} for change in [*changes, {"kind": 8}]]
    first, *rest = features(*(row(point, 0.5) for point in [base, *others]))
    assert all((first - other).abs().max() > 0.5 for other in rest)


@pytest.mark.parametrize(
    ("one", "other"), [({"model": "cnn"}, {"model": "resnet"}), ({"block": "wide"}, {"block": "deep"})]
)
def test_parameter_that_is_active_under_several_options_is_one(one: dict[str, str], other: dict[str, str]) -> None:
    base = {"model": "cnn", "optim": "sgd", "block": "deep", "width": 0.2, "gate": 0.5, **PLAIN, "second": 0.2}
    first, second = features(row({**base, **one}, 0.5), row({**base, **other}, 0.5))
    assert sum(float(change) > 0.0 for change in (first - second).abs()) == 2  # the two options, and no width


def test_each_parameter_has_one_feature_or_one_for_each_of_its_options() -> None:
    made = ActiveFeatures(AX_SPACE.variants, NAMES)
    assert made.count == features(row(points(1)[0], 0.5)).shape[-1] == 3 + 1 + 3 + 4 + 1 + 3 + 3 + 2


@pytest.fixture
def seen_by_ax(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The training data of the models that Ax fits."""
    seen: list[Any] = []
    construct = StudyGP.construct_inputs.__func__

    def recording(cls: Any, training_data: Any, **options: Any) -> Any:
        seen.append(training_data)
        return construct(cls, training_data=training_data, **options)

    monkeypatch.setattr(StudyGP, "construct_inputs", classmethod(recording))
    yield seen


def test_what_ax_gives_the_model_says_which_parameters_are_active(seen_by_ax: list[Any]) -> None:
    """The columns, and the places of options in them, are those of Ax's own transforms."""
    tried = points(16)
    losses = [len(point) + sum(value for value in point.values() if isinstance(value, float)) for point in tried]
    trials = [
        make_trial(number, point=point, position=number, metrics={"loss": loss})
        for number, (point, loss) in enumerate(zip(tried, losses, strict=True))
    ]
    adapter = PlayedStudy(SPACE, parse_goals({"loss": "minimize"}), trials).optimizer.fit()
    model = adapter.generator.surrogate.model
    names = list(seen_by_ax[0].feature_names)
    expected = ActiveFeatures(AX_SPACE.variants, names)(
        torch.tensor([[row(point, 0.5)[NAMES.index(name)] for name in names] for point in tried], dtype=torch.double)
    )
    assert torch.allclose(model.transform_inputs(seen_by_ax[0].X), expected)
