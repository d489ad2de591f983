"""Makes the tables of the race's tabulated problems, which lie in ``tables/``; nobody has to run this again.

python benchmarks/race_make_tables.py digits          # real training: some minutes on one core; needs scikit-learn
python benchmarks/race_make_tables.py cora WHEEL      # WHEEL: from pip download --no-deps nas-bench-graph==1.4.0
"""

import argparse
import importlib.util
import itertools
import pickle
import tempfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from race_tabulated import CORA_LINKS, CORA_OPERATIONS, CORA_TABLE, DIGITS_AXES, DIGITS_TABLE

_EPOCHS = 6
_SEEDS = 2
_TRAINING_IMAGES = 1_100


def digits_table() -> None:
    """Train a network with up to two hidden layers on scikit-learn's digits for every point, with two seeds.

    The table has the number of images, of those that no seed was trained on, that the two networks got right.
    """
    import torch
    from sklearn.datasets import load_digits

    torch.set_num_threads(1)
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    x = torch.tensor(images[order] / 16.0, dtype=torch.float32)
    y = torch.tensor(labels[order])
    data = (x[:_TRAINING_IMAGES], y[:_TRAINING_IMAGES], x[_TRAINING_IMAGES:], y[_TRAINING_IMAGES:])
    axes = DIGITS_AXES
    right = np.zeros([len(values) for values in axes.values()], dtype=np.uint16)
    together = list(itertools.product(axes["lr"], axes["dropout"]))
    alone = [list(enumerate(axes[name])) for name in ("hidden1", "hidden2", "batch_size", "activation", "optimizer")]
    for (i, first), (j, second), (k, batch), (m, activation), (n, optimizer) in itertools.product(*alone):
        shape = [64, first, *([second] if second else []), 10]
        counts = _train(data, shape, batch, activation, optimizer, together)
        right[i, j, :, :, k, m, n] = np.array(counts).reshape(len(axes["lr"]), len(axes["dropout"]))
        print(first, second, batch, activation, optimizer, max(counts), flush=True)
    np.savez_compressed(DIGITS_TABLE, right=right, of=_SEEDS * (len(labels) - _TRAINING_IMAGES))


def _train(
    data: tuple[Any, Any, Any, Any], shape: list[int], batch: int, activation: str, optimizer: str, together: list[Any]
) -> list[int]:
    """How many images are right, for each pair of a learning rate and a dropout: all are trained side by side."""
    import torch

    x, y, other_x, other_y = data
    generator = torch.Generator().manual_seed(sum(shape) * 1_000 + batch)
    rates = torch.tensor([rate for rate, _ in together for _ in range(_SEEDS)])
    kept = 1 - torch.tensor([dropout for _, dropout in together for _ in range(_SEEDS)]).reshape(-1, 1, 1)
    many = len(rates)
    weights = []
    for inputs, outputs in itertools.pairwise(shape):
        for size in ((many, inputs, outputs), (many, 1, outputs)):
            drawn = (2 * torch.rand(size, generator=generator) - 1) / inputs**0.5
            weights.append(drawn.requires_grad_())
    apply = {"relu": torch.relu, "tanh": torch.tanh}[activation]

    def network(values: Any, training: bool) -> Any:
        for layer in range(0, len(weights), 2):
            values = torch.baddbmm(weights[layer + 1], values, weights[layer])
            if layer + 2 < len(weights):
                values = apply(values)
                if training:
                    values = values * (torch.rand(values.shape, generator=generator) < kept) / kept
        return values

    first, second = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
    step_size = rates.reshape(-1, 1, 1)
    step = 0
    for _ in range(_EPOCHS):
        order = torch.stack([torch.randperm(len(y), generator=generator) for _ in range(many)])
        for begin in range(0, len(y), batch):
            chosen = order[:, begin : begin + batch]
            scores = network(x[chosen], True)
            loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), y[chosen].flatten(), reduction="sum")
            gradients = torch.autograd.grad(loss / chosen.shape[1], weights)
            step += 1
            with torch.no_grad():
                for weight, gradient, mean, square in zip(weights, gradients, first, second, strict=True):
                    if optimizer == "adam":
                        mean.lerp_(gradient, 0.1)
                        square.lerp_(gradient**2, 0.001)
                        scale = (square / (1 - 0.999**step)).sqrt() + 1e-8
                        weight -= step_size * mean / (1 - 0.9**step) / scale
                    else:
                        mean.mul_(0.9).add_(gradient)
                        weight -= step_size * mean
    with torch.no_grad():
        scores = network(other_x.expand(many, -1, -1), False)
    correct = (scores.argmax(-1) == other_y).sum(1)
    return correct.reshape(len(together), _SEEDS).sum(1).tolist()


class _NumbersOnly(pickle.Unpickler):
    """Unpickles dictionaries of numbers and nothing that could do anything."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy.core.multiarray", "scalar"):
            return np._core.multiarray.scalar
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        raise pickle.UnpicklingError(f"{module}.{name} is no number")


def cora_table(wheel: Path) -> None:
    """Accuracy on the validation nodes in units of 1/1500, and latency in microseconds, of every network of the space.

    Zero for the networks that NAS-Bench-Graph leaves out: those of nothing but skips.
    """
    with tempfile.TemporaryDirectory() as directory, zipfile.ZipFile(wheel) as file:
        file.extractall(directory)
        with open(Path(directory, "nas_bench_graph", "light", "cora.bench"), "rb") as table:
            measured = _NumbersOnly(table).load()
        architecture = _module(Path(directory, "nas_bench_graph", "architecture.py"))
    shape = [len(CORA_LINKS), *[len(CORA_OPERATIONS)] * 4]
    accuracy, latency = np.zeros(shape, dtype=np.uint16), np.zeros(shape, dtype=np.uint16)
    for where in np.ndindex(*shape):
        links = [int(digit) for digit in CORA_LINKS[where[0]]]
        operations = [CORA_OPERATIONS[index] for index in where[1:]]
        found = measured.get(architecture.Arch(links, operations).valid_hash())
        if found is not None:
            accuracy[where] = round(found["valid_perf"] * 1500)
            latency[where] = round(found["latency"] * 1e6)
    np.savez_compressed(CORA_TABLE, accuracy=accuracy, latency=latency)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=["digits", "cora"])
    parser.add_argument("wheel", type=Path, nargs="?")
    given = parser.parse_args()
    Path(DIGITS_TABLE).parent.mkdir(exist_ok=True)
    if given.table == "digits":
        digits_table()
    elif given.wheel is None:
        parser.error("cora needs the wheel of nas-bench-graph")
    else:
        cora_table(given.wheel)


if __name__ == "__main__":
    main()
