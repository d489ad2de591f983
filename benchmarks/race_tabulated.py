"""Problems of the race that are tables of real runs: each point was trained once and for all.

``race_make_tables.py`` has made the tables. The one of networks for the Cora graph is an extract of NAS-Bench-Graph
1.4.0 (Qin et al. 2022; Apache License 2.0): the accuracy on the validation nodes, and the latency, rounded.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from race_problem import Problem, choice

from ax_mo.core.objectives import parse_goals

DIGITS_TABLE = Path(__file__).with_name("tables") / "digits.npz"
CORA_TABLE = Path(__file__).with_name("tables") / "cora.npz"

# A network for scikit-learn's digits (8 x 8); hidden2 is 0 where there is no second layer.
DIGITS_AXES: Mapping[str, tuple[Any, ...]] = {
    "hidden1": (8, 16, 32, 64),
    "hidden2": (0, 16, 32),
    "lr": (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1),
    "dropout": (0.0, 0.1, 0.25, 0.5),
    "batch_size": (32, 64, 128),
    "activation": ("relu", "tanh"),
    "optimizer": ("adam", "sgd"),
}

# What each of the four nodes of a graph network gets its input from, and what it does.
CORA_LINKS = ("0000", "0001", "0011", "0012", "0013", "0111", "0112", "0122", "0123")
CORA_OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
_CORA_NODES = tuple(f"node{index}" for index in range(1, 5))


@cache
def _table(path: Path) -> Mapping[str, np.ndarray]:
    with np.load(path) as arrays:
        return dict(arrays)


def _digits(point: Mapping[str, Any]) -> dict[str, float]:
    table = _table(DIGITS_TABLE)
    where = tuple(values.index(point[name]) for name, values in DIGITS_AXES.items())
    first, second = point["hidden1"], point["hidden2"]
    last = second or first
    size = 65 * first + (first + 1) * second + 10 * (last + 1)
    return {"val_acc": float(table["right"][where]) / float(table["of"]), "num_params": float(size)}


def _cora(point: Mapping[str, Any]) -> dict[str, float]:
    table = _table(CORA_TABLE)
    where = (CORA_LINKS.index(point["links"]), *(CORA_OPERATIONS.index(point[node]) for node in _CORA_NODES))
    accuracy, latency = float(table["accuracy"][where]), float(table["latency"][where])
    # Of nothing but skips: as fast as the fastest, and as good as guessing one of seven classes.
    return {"val_acc": accuracy / 1500 if latency else 1 / 7, "latency_ms": (latency or 442.0) / 1000}


DIGITS = Problem(
    "digits",
    tuple(choice(name, *values, ordered=not isinstance(values[0], str)) for name, values in DIGITS_AXES.items()),
    parse_goals(
        {"val_acc": {"goal": "maximize", "threshold": 0.9}, "num_params": {"goal": "minimize", "threshold": 10_000}}
    ),
    _digits,
    best_known=0.08130365594194433,
    log=("num_params",),
)
CORA = Problem(
    "cora",
    (choice("links", *CORA_LINKS), *(choice(node, *CORA_OPERATIONS) for node in _CORA_NODES)),
    parse_goals(
        {"val_acc": {"goal": "maximize", "threshold": 0.77}, "latency_ms": {"goal": "minimize", "threshold": 4.0}}
    ),
    _cora,
    best_known=0.13624466666666663,
)
