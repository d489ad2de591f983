"""Conditional problems of the race: stand-ins for architecture search, in which options have parameters of their own.

Both were made up for it: accuracy against the network's raw size, which spans decades.
"""

import math
from collections.abc import Mapping
from typing import Any

from race_problem import Problem, choice, group, near, under

from ax_mo.core.objectives import parse_goals
from ax_mo.search_space.parameters import Parameter, Range

_TWO_GROUPS: tuple[Parameter, ...] = (
    group("model", "mlp", "cnn", "linear"),
    Range("mlp.hidden1", 16, 512, integral=True, log=True, when=under("model", "mlp")),
    Range("mlp.hidden2", 16, 512, integral=True, log=True, when=under("model", "mlp")),
    Range("mlp.dropout", 0.0, 0.5, when=under("model", "mlp")),
    Range("cnn.channels", 4, 64, integral=True, log=True, when=under("model", "cnn")),
    Range("cnn.kernel", 1, 7, integral=True, when=under("model", "cnn")),
    Range("cnn.depth", 1, 6, integral=True, when=under("model", "cnn")),
    Range("linear.l2", 1e-6, 1.0, log=True, when=under("model", "linear")),
    group("optim", "adam", "sgd"),
    Range("adam.lr", 1e-4, 1e-1, log=True, when=under("optim", "adam")),
    Range("adam.beta", 0.5, 0.999, when=under("optim", "adam")),
    Range("sgd.lr", 1e-3, 1.0, log=True, when=under("optim", "sgd")),
    Range("sgd.momentum", 0.0, 0.99, when=under("optim", "sgd")),
)


def _two_groups(point: Mapping[str, Any]) -> dict[str, float]:
    if point["model"] == "mlp":
        size = 64 * point["mlp.hidden1"] + point["mlp.hidden1"] * point["mlp.hidden2"] + 10 * point["mlp.hidden2"]
        best = 0.62 + 0.30 * (1 - math.exp(-size / 6000)) * (0.7 + 0.3 * near(point["mlp.dropout"], 0.15, 0.2))
    elif point["model"] == "cnn":
        channels, area = point["cnn.channels"], point["cnn.kernel"] ** 2
        size = area * channels * (1 + channels * (point["cnn.depth"] - 1)) + 160 * channels
        shape = (0.6 + 0.4 * near(point["cnn.kernel"], 3, 1.5)) * (0.8 + 0.2 * near(point["cnn.depth"], 3, 2))
        best = 0.60 + 0.38 * (1 - math.exp(-size / 9000)) * shape
    else:
        size = 650
        best = 0.70 + 0.10 * near(math.log10(point["linear.l2"]), -3, 1.5)
    if point["optim"] == "adam":
        fit = near(math.log10(point["adam.lr"]), -2.5, 0.8) * (0.85 + 0.15 * near(point["adam.beta"], 0.9, 0.15))
    else:
        step = math.log10(point["sgd.lr"] / (1 - point["sgd.momentum"]))
        fit = near(step, -0.3, 0.8) * (0.9 + 0.1 * near(point["sgd.momentum"], 0.9, 0.3))
    return {"accuracy": 0.1 + (best - 0.1) * (0.35 + 0.65 * fit), "size": float(size)}


_NESTED: tuple[Parameter, ...] = (
    group("model", "mlp", "cnn", "transformer"),
    Range("mlp.hidden", 16, 512, integral=True, log=True, when=under("model", "mlp")),
    Range("mlp.depth", 1, 4, integral=True, when=under("model", "mlp")),
    Range("mlp.dropout", 0.0, 0.6, when=under("model", "mlp")),
    Range("cnn.channels", 4, 64, integral=True, log=True, when=under("model", "cnn")),
    Range("cnn.kernel", 1, 7, integral=True, when=under("model", "cnn")),
    Range("cnn.depth", 1, 6, integral=True, when=under("model", "cnn")),
    group("cnn/attention", "none", "block", when=under("model", "cnn")),
    Range("cnn.attention.heads", 1, 8, integral=True, when=under("cnn/attention", "block")),
    Range("cnn.attention.width", 8, 128, integral=True, log=True, when=under("cnn/attention", "block")),
    Range("transformer.width", 16, 256, integral=True, log=True, when=under("model", "transformer")),
    Range("transformer.layers", 1, 6, integral=True, when=under("model", "transformer")),
    choice("transformer.patch", 2, 4, 8, 16, ordered=True, when=under("model", "transformer")),
    choice("batch_size", 16, 32, 64, 128, 256, ordered=True),
    group("optim", "adam", "sgd"),
    Range("adam.lr", 1e-4, 1e-1, log=True, when=under("optim", "adam")),
    Range("adam.weight_decay", 1e-6, 1e-1, log=True, when=under("optim", "adam")),
    Range("sgd.lr", 1e-3, 1.0, log=True, when=under("optim", "sgd")),
    Range("sgd.momentum", 0.0, 0.99, when=under("optim", "sgd")),
    group("sgd/schedule", "constant", "cosine", when=under("optim", "sgd")),
    Range("sgd.schedule.warmup", 0.0, 0.5, when=under("sgd/schedule", "cosine")),
    Range("sgd.schedule.final", 1e-4, 1.0, log=True, when=under("sgd/schedule", "cosine")),
)


def _network(point: Mapping[str, Any]) -> tuple[float, float]:
    """Parameters of the network, and the accuracy that it could reach, for images of 16 x 16."""
    if point["model"] == "mlp":
        hidden = point["mlp.hidden"]
        size = 257 * hidden + (point["mlp.depth"] - 1) * hidden * (hidden + 1) + 10 * (hidden + 1)
        wanted = 0.1 + 0.1 * math.log10(size / 4000)
        shape = (0.9 + 0.1 * near(point["mlp.depth"], 2, 1.5)) * (0.9 + 0.1 * near(point["mlp.dropout"], wanted, 0.25))
        return size, 0.86 * (1 - 0.30 * math.exp(-((size / 9000) ** 0.6))) * shape
    if point["model"] == "cnn":
        channels, area = point["cnn.channels"], point["cnn.kernel"] ** 2
        size = area * channels * (1 + channels * (point["cnn.depth"] - 1)) + 40 * channels
        shape = (0.75 + 0.25 * near(point["cnn.kernel"], 3, 1.6)) * (0.85 + 0.15 * near(point["cnn.depth"], 4, 2))
        reached = 0.94 * (1 - 0.45 * math.exp(-((size / 5000) ** 0.6))) * shape
        if point["cnn/attention"] == "block":
            width = point["cnn.attention.width"]
            size += 4 * channels * width
            fits = near(math.log2(width / point["cnn.attention.heads"]), 4, 1.5) * near(
                math.log2(width / channels), 1, 2
            )
            reached += 0.045 * fits - 0.015
        return size, reached
    width, layers, patch = point["transformer.width"], point["transformer.layers"], point["transformer.patch"]
    size = 12 * layers * width**2 + patch**2 * width + (16 // patch) ** 2 * width + 10 * width
    shape = (0.8 + 0.2 * near(math.log2(patch), 2, 1)) * (0.9 + 0.1 * near(layers, 4, 2.5))
    return size, 0.99 * (1 - 0.65 * math.exp(-((size / 60_000) ** 0.6))) * shape


def _training(point: Mapping[str, Any]) -> float:
    """How much of what the network could reach the optimizer gets out of it, at most 1."""
    # The best rate grows with the batch, and is a smaller one for attention than for the others.
    shift = 0.25 * math.log2(point["batch_size"] / 64) - (0.5 if point["model"] == "transformer" else 0.0)
    noise = 0.96 + 0.04 * near(math.log2(point["batch_size"]), 6, 2)
    if point["optim"] == "adam":
        rate = near(math.log10(point["adam.lr"]) - shift, -2.5, 0.8)
        decay = near(math.log10(point["adam.weight_decay"]), -3, 1.5)
        return noise * (0.4 + 0.58 * rate * (0.93 + 0.07 * decay))
    rate = near(math.log10(point["sgd.lr"] / (1 - point["sgd.momentum"])) - shift, -0.3, 0.7)
    momentum = 0.9 + 0.1 * near(point["sgd.momentum"], 0.9, 0.3)
    if point["model"] == "transformer":
        momentum *= 0.93
    gain = 0.94
    if point["sgd/schedule"] == "cosine":
        ends = near(math.log10(point["sgd.schedule.final"]), -2, 1.2)
        gain = 0.92 + 0.08 * near(point["sgd.schedule.warmup"], 0.15, 0.15) * ends
    return noise * (0.35 + 0.65 * rate * momentum * gain)


def _nested(point: Mapping[str, Any]) -> dict[str, float]:
    size, reached = _network(point)
    return {"accuracy": 0.1 + (reached - 0.1) * _training(point), "num_params": float(size)}


CONDITIONAL = Problem(
    "conditional",
    _TWO_GROUPS,
    parse_goals(
        {"accuracy": {"goal": "maximize", "threshold": 0.6}, "size": {"goal": "minimize", "threshold": 63_000}}
    ),
    _two_groups,
    best_known=0.518575,
    log=("size",),
)
NESTED = Problem(
    "nested",
    _NESTED,
    parse_goals(
        {
            "accuracy": {"goal": "maximize", "threshold": 0.55},
            "num_params": {"goal": "minimize", "threshold": 500_000},
        }
    ),
    _nested,
    best_known=0.89579,
    log=("num_params",),
)
