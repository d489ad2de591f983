"""Problems of the race in which every parameter is always active: test functions, and stand-ins for training runs.

Branin-Currin, VehicleSafety and CarSideImpact are BoTorch's test functions (0.18.1, botorch.test_functions), with its
reference points as thresholds; written out here, since no process of the race has to import torch for them. The others
were made up for the race. The best known hypervolume of VehicleSafety is BoTorch's, which is above what --best-known
finds; that of CarSideImpact (BoTorch: 484.727) comes from an earlier search.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from race_problem import Problem, choice, near

from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.search_space.parameters import Range


def _minimized(**thresholds: float) -> Goals:
    return parse_goals({name: {"goal": "minimize", "threshold": value} for name, value in thresholds.items()})


def _branin_currin(point: Mapping[str, Any]) -> dict[str, float]:
    u, v = point["x0"], point["x1"]
    x, y = 15 * u - 5, 15 * v
    branin = (y - 5.1 * x**2 / (4 * math.pi**2) + 5 * x / math.pi - 6) ** 2
    branin += 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10
    share = 1 - math.exp(-1 / (2 * v)) if v > 0 else 1.0
    currin = share * (2300 * u**3 + 1900 * u**2 + 2092 * u + 60) / (100 * u**3 + 500 * u**2 + 4 * u + 20)
    return {"branin": branin, "currin": currin}


def _vehicle_safety(point: Mapping[str, Any]) -> dict[str, float]:
    a, b, c, d, e = (point[f"x{index}"] for index in range(5))
    mass = 1640.2823 + 2.3573285 * a + 2.3220035 * b + 4.5688768 * c + 7.7213633 * d + 4.4559504 * e
    acceleration = 6.5856 + 1.15 * a - 1.0427 * b + 0.9738 * c + 0.8364 * d - 0.3695 * a * d + 0.0861 * a * e
    acceleration += 0.3628 * b * d - 0.1106 * a**2 - 0.3437 * c**2 + 0.1764 * d**2
    intrusion = -0.0551 + 0.0181 * a + 0.1024 * b + 0.0421 * c - 0.0073 * a * b + 0.024 * b * c - 0.0118 * b * d
    intrusion += -0.0204 * c * d - 0.008 * c * e - 0.0241 * b**2 + 0.0109 * d**2
    return {"mass": mass, "acceleration": acceleration, "intrusion": intrusion}


_CAR_BOUNDS = ((0.5, 1.5), (0.45, 1.35), (0.5, 1.5), (0.5, 1.5), (0.875, 2.625), (0.4, 1.2), (0.4, 1.2))


def _car_side_impact(point: Mapping[str, Any]) -> dict[str, float]:
    a, b, c, d, e, f, g = (point[f"x{index}"] for index in range(7))
    weight = 1.98 + 4.9 * a + 6.67 * b + 6.98 * c + 4.01 * d + 1.78 * e + 1e-5 * f + 2.73 * g
    force = 4.72 - 0.5 * d - 0.19 * b * c
    pillar = 10.58 - 0.674 * a * b - 0.67275 * b
    door = 16.45 - 0.489 * c * g - 0.843 * e * f
    limits = (
        1 - 1.16 + 0.3717 * b * d + 0.0092928 * c,
        0.32 - 0.261 + 0.0159 * a * b + 0.06486 * a + 0.019 * b * g - 0.0144 * c * e - 0.0154464 * f,
        (0.32 - 0.214 - 0.00817 * e + 0.045195 * a + 0.0135168 * a - 0.03099 * b * f + 0.018 * b * g)
        + (-0.007176 * c - 0.023232 * c + 0.00364 * e * f + 0.018 * b**2),
        0.32 - 0.74 + 0.61 * b + 0.031296 * c + 0.031872 * g - 0.227 * b**2,
        32 - 28.98 - 3.818 * c + 4.2 * a * b - 1.27296 * f + 2.68065 * g,
        32 - 33.86 - 2.95 * c + 5.057 * a * b + 3.795 * b + 3.4431 * g - 1.45728,
        32 - 46.36 + 9.9 * b + 4.4505 * a,
        4 - force,
        9.9 - pillar,
        15.7 - door,
    )
    violation = sum(-limit for limit in limits if limit < 0)
    return {"weight": weight, "force": force, "velocity": 0.5 * (pillar + door), "violation": violation}


# A classifier of 28 x 28 images with two hidden layers, in the parameters of Ax's tutorial on architecture search.
_NAS_PARAMETERS = (
    Range("hidden_size_1", 8, 256, integral=True, log=True),
    Range("hidden_size_2", 8, 256, integral=True, log=True),
    Range("learning_rate", 1e-4, 1e-1, log=True),
    Range("epochs", 1, 8, integral=True),
    Range("dropout", 0.0, 0.5),
    choice("batch_size", 32, 64, 128, 256, ordered=True),
    choice("activation", "relu", "gelu", "tanh", "sigmoid"),
)
# By activation: what it costs in accuracy, and the logarithm of its best learning rate.
_ACTIVATIONS = {"relu": (0.0, -2.6), "gelu": (-0.003, -2.8), "tanh": (0.006, -2.4), "sigmoid": (0.015, -1.9)}


def _nas(point: Mapping[str, Any]) -> dict[str, float]:
    first, second = point["hidden_size_1"], point["hidden_size_2"]
    size = 785 * first + (first + 1) * second + 10 * (second + 1)
    penalty, best_rate = _ACTIVATIONS[point["activation"]]
    capacity = 0.014 + 0.13 * (size / 6000) ** -0.9 + 0.05 * math.exp(-second / 10)
    # The best rate grows with the batch; below it training is not finished after the epochs, above it is unstable.
    off = math.log10(point["learning_rate"]) - (best_rate + 0.3 * math.log2(point["batch_size"] / 64) / 2)
    unstable = 0.5 * (1 - math.exp(-((max(off, 0.0) / 0.7) ** 2)))
    steps = point["epochs"] * 64 / point["batch_size"] * 10 ** (0.8 * min(off, 0.0))
    unfinished = 0.25 * math.exp(-1.2 * steps**0.6) + 0.03 / (1 + 2 * steps)
    wanted = min(0.45, 0.05 * math.log2(1 + size / 20_000) * math.sqrt(point["epochs"] / 2))
    regularization = 0.12 * (point["dropout"] - wanted) ** 2
    error = penalty + capacity + unfinished + unstable + regularization
    return {"val_acc": max(0.1, 1 - error), "num_params": float(size)}


_SIXTY = 60
# Which of the sixty matter, and as what.
_CAPACITY, _DEPTH, _RATE, _DECAY, _DATA = 7, 19, 23, 41, 58


def _sixty(point: Mapping[str, Any]) -> dict[str, float]:
    capacity, depth, rate, decay, data = (point[f"x{i:02}"] for i in (_CAPACITY, _DEPTH, _RATE, _DECAY, _DATA))
    error = 0.05 + 0.55 * math.exp(-3.5 * capacity) * (1 - 0.4 * depth)
    error += 0.3 * (1 - near(rate, 0.75 - 0.5 * depth, 0.3) * (0.6 + 0.4 * near(decay, 0.2 + 0.5 * capacity, 0.3)))
    error += 0.15 * (1 - near(data, 0.8, 0.5))
    latency = 1 + 6 * capacity**1.5 + 3 * depth * (0.4 + capacity) + 2 * data**2
    return {"error": error, "latency": latency}


def _unit(names: Sequence[str]) -> tuple[Range, ...]:
    return tuple(Range(name, 0.0, 1.0) for name in names)


BRANIN_CURRIN = Problem(
    "branin_currin", _unit(("x0", "x1")), _minimized(branin=18.0, currin=6.0), _branin_currin, best_known=59.4051
)
NAS = Problem(
    "nas",
    _NAS_PARAMETERS,
    parse_goals(
        {
            "val_acc": {"goal": "maximize", "threshold": 0.7},
            "num_params": {"goal": "minimize", "threshold": 100_000},
        }
    ),
    _nas,
    best_known=0.28841,
    log=("num_params",),
)
VEHICLE_SAFETY = Problem(
    "vehicle_safety",
    tuple(Range(f"x{index}", 1.0, 3.0) for index in range(5)),
    _minimized(mass=1864.72022, acceleration=11.81993945, intrusion=0.2903999384),
    _vehicle_safety,
    best_known=246.8161,
)
CAR_SIDE_IMPACT = Problem(
    "car_side_impact",
    tuple(Range(f"x{index}", low, high) for index, (low, high) in enumerate(_CAR_BOUNDS)),
    _minimized(weight=45.4872, force=4.5114, velocity=13.3394, violation=10.3942),
    _car_side_impact,
    best_known=485.408,
)
# The best known was found in the five dimensions that matter.
SIXTY = Problem(
    "sixty",
    _unit([f"x{index:02}" for index in range(_SIXTY)]),
    _minimized(error=0.5, latency=10.0),
    _sixty,
    best_known=3.0434,
)
