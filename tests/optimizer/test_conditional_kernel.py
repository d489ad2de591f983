"""To the model, what is inactive makes no difference, and what is active under several options is one."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pytest
import torch

from ax_mo.core.objectives import parse_goals
from ax_mo.optimizer.ax_space import AxSpace
from ax_mo.optimizer.conditional_kernel import ConditionalGP, ConditionalKernel, block_features, blocks_of
from ax_mo.search_space.parameters import Choice, Condition, Option, Parameter, Range
from ax_mo.search_space.sample import QuasiRandomPoints
from ax_mo.search_space.space import SearchSpace
from tests.support.played import PlayedStudy
from tests.support.trials import make_trial


def choice(key: str, *values: str, when: tuple[Condition, ...] = ()) -> Choice:
    return Choice(key, tuple(Option(value, value) for value in values), when=when)


PARAMETERS: tuple[Parameter, ...] = (
    choice("model", "mlp", "cnn", "resnet"),
    choice("optim", "sgd", "adam"),
    choice("block", "basic", "wide", "deep", when=(Condition("model", ("cnn", "resnet")),)),
    Range("hidden", 0.0, 1.0, when=(Condition("model", ("mlp",)),)),
    Range("width", 0.0, 1.0, when=(Condition("block", ("wide", "deep")),)),
    Range("clip", 0.0, 1.0, when=(Condition("model", ("mlp", "cnn")), Condition("optim", ("adam",)))),
    Range("gate", 0.0, 1.0, when=(Condition("model", ("resnet",)), Condition("block", ("wide",)))),
)
SPACE = SearchSpace(PARAMETERS)
AX_SPACE = AxSpace(SPACE)
FEATURES = list(
    dict.fromkeys(column for variants in AX_SPACE.variants for variant in variants for column in variant.columns)
)


def row(point: Mapping[str, Any], inactive: float) -> list[float]:
    """The model's features at the point; those that are inactive stand at ``inactive``."""
    encoded = {**AX_SPACE.encode(point)}
    if "clip" not in point:
        encoded.pop("clip", None)  # in Ax's tree, but inactive
    features = dict.fromkeys(FEATURES, inactive)
    for variant in {variant.name: variant for variants in AX_SPACE.variants for variant in variants}.values():
        if variant.name not in encoded:
            continue
        if isinstance(variant.parameter, Range):
            features[variant.name] = encoded[variant.name]
            continue
        index = [option.value for option in variant.parameter.options].index(encoded[variant.name])
        if len(variant.columns) == 1:
            features[variant.name] = index / (len(variant.parameter.options) - 1)
        else:
            features.update({column: float(number == index) for number, column in enumerate(variant.columns)})
    return [features[name] for name in FEATURES]


def kernel() -> ConditionalKernel:
    made = ConditionalKernel(blocks_of(AX_SPACE.variants, FEATURES), torch.Size([])).double()
    return made.eval()


def covariance(*rows: list[float]) -> torch.Tensor:
    x = torch.tensor(rows, dtype=torch.double)
    return kernel()(x).to_dense().detach()


def points(count: int) -> list[dict[str, Any]]:
    return list(islice(QuasiRandomPoints(SPACE, 1), count))


def test_points_that_differ_in_what_is_inactive_are_the_same_to_the_model() -> None:
    of_zero, of_one, of_some = ([row(point, fill) for point in points(64)] for fill in (0.0, 1.0, 0.3))
    assert of_zero != of_one
    reference = covariance(*of_zero)
    assert torch.allclose(covariance(*of_one), reference)
    assert torch.allclose(covariance(*of_some), reference)


def test_points_that_differ_in_what_is_active_are_not() -> None:
    base = {"model": "cnn", "optim": "adam", "block": "wide", "width": 0.2, "clip": 0.2}
    others = [{**base, "width": 0.9}, {**base, "clip": 0.9}, {**base, "block": "deep"}]
    matrix = covariance(*(row(point, 0.5) for point in [base, *others]))
    assert torch.all(matrix[0, 1:] < matrix[0, 0] - 1e-3)


@pytest.mark.parametrize(
    ("one", "other"), [({"model": "cnn"}, {"model": "resnet"}), ({"block": "wide"}, {"block": "deep"})]
)
def test_parameter_that_is_active_under_several_options_is_one(one: dict[str, str], other: dict[str, str]) -> None:
    """Across two of its options, an equal width makes points more alike than another width does."""
    base = {"model": "cnn", "optim": "sgd", "block": "deep"}
    first = row({**base, **one, "width": 0.2, "gate": 0.5}, 0.5)
    equal = row({**base, **other, "width": 0.2, "gate": 0.5}, 0.5)
    different = row({**base, **other, "width": 0.9, "gate": 0.5}, 0.5)
    matrix = covariance(first, equal, different)
    assert matrix[0, 1] > matrix[0, 2] + 1e-3


def test_each_parameter_stands_in_one_block_once() -> None:
    blocks = blocks_of(AX_SPACE.variants, FEATURES)
    assert sum(len(block[0].columns) for block in blocks) == 3 + 2 - 1 + 3 + 4
    for block in blocks:
        assert len({len(place.columns) for place in block}) == 1


def test_covariance_is_positive_and_its_diagonal_is_what_diag_says() -> None:
    x = torch.tensor([row(point, 0.5) for point in points(48)], dtype=torch.double)
    made = kernel()
    matrix = made(x).to_dense().detach()
    assert torch.linalg.eigvalsh(matrix).min() > -1e-8
    assert torch.allclose(made(x, diag=True).detach(), matrix.diagonal())


@pytest.fixture
def seen_by_ax(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The training data of the models that Ax fits."""
    seen: list[Any] = []
    construct = ConditionalGP.construct_inputs.__func__

    def recording(cls: Any, training_data: Any, **options: Any) -> Any:
        seen.append(training_data)
        return construct(cls, training_data=training_data, **options)

    monkeypatch.setattr(ConditionalGP, "construct_inputs", classmethod(recording))
    yield seen


def test_what_ax_gives_the_model_says_which_parameters_are_active(seen_by_ax: list[Any]) -> None:
    """The names, positions and widths of the gates are those of Ax's own transforms."""
    tried = points(16)
    losses = [len(point) + sum(value for value in point.values() if isinstance(value, float)) for point in tried]
    trials = [
        make_trial(number, point=point, position=number, metrics={"loss": loss})
        for number, (point, loss) in enumerate(zip(tried, losses, strict=True))
    ]
    PlayedStudy(SPACE, parse_goals({"loss": "minimize"}), trials).optimizer.fit()
    data = seen_by_ax[0]
    assert data.X.shape[0] == len(tried)
    assert float(data.X.min()) >= 0.0 and float(data.X.max()) <= 1.0
    blocks = blocks_of(AX_SPACE.variants, data.feature_names)
    together: dict[Any, list[str]] = {}
    for variants in AX_SPACE.variants:
        together.setdefault(tuple(variant.path for variant in variants), []).append(variants[0].parameter.key)
    for block, keys in zip(blocks, together.values(), strict=True):
        features, active = block_features(block, data.X)
        expected = torch.tensor([float(keys[0] in point) for point in tried], dtype=data.X.dtype)
        assert torch.allclose(active, expected), keys
        if keys in (["hidden"], ["width"], ["clip"], ["gate"]):  # a float in [0, 1] is its own feature
            values = torch.tensor([point.get(keys[0], 0.5) for point in tried], dtype=data.X.dtype)
            assert torch.allclose(features[..., 0], values), keys
