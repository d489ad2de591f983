"""Which numbers of a configuration look as if they are worth a search, by their names, and within which bounds."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_APART = ("callbacks", "debug", "extras", "hydra", "logger", "loggers", "mlflow", "paths", "wandb")
"""Parts of a configuration in which nothing is searched."""
_PART = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
"""Of a key that Hydra's grammar takes; a dot in a name would look like two."""

_LEARNING_RATE = re.compile(r"(?!.*(min|end|final|warm))(.*_)?(lr|learning_rate|learn_rate)(_init)?")
_WEIGHT_DECAY = re.compile(r"weight_decay(_rate)?|wd|l2(_reg)?")
_MOMENTUM = re.compile(r"momentum")
_DROPOUT = re.compile(r"(.*_)?(dropout|drop_(rate|prob|path))(_(rate|prob))?\d*")
_BATCH_SIZE = re.compile(r"(?!.*(val|test|eval|pred|infer))(.*_)?batch_?size")
_DEPTH = re.compile(r"depth|((num|n)_)?(hidden_)?(layers?|blocks?)")
_WIDTH = re.compile(
    r"(base_)?width|(num_|n_)?(units|neurons|filters|hidden)|(base_|num_|n_)?channels|hidden\d+|d_model|d_ff|"
    r"dim_feedforward|hidden_(layers|sizes|dims)|"
    r"(lin|fc|hidden|conv|enc|dec|encoder|decoder|embed|embedding|latent|mlp|ff|ffn|model|rnn|lstm|gru)\d*_"
    r"(size|dim|units|channels|features|width)\d*"
)
_LEAST_WIDTH = 4
"""Below it, a number of channels is that of an image."""


@dataclass(frozen=True)
class Proposal:
    """Values to search for a key, in Hydra's grammar, and what it is in the configuration."""

    key: str
    values: str
    own: Any


def proposals(config: Mapping[str, Any]) -> dict[str, Proposal]:
    """By key, in the order of the configuration, which is that of the task, with interpolations as they are written."""
    searchable = {name: value for name, value in config.items() if name not in _APART}
    found = (_proposal(key, value, beside) for key, value, beside in _leaves(searchable))
    return {proposal.key: proposal for proposal in found if proposal is not None}


def _leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    for name, value in config.items():
        if not _PART.fullmatch(str(name)):
            continue
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, config


def _proposal(key: str, value: Any, beside: Mapping[str, Any]) -> Proposal | None:
    name = key.rpartition(".")[2].lower()
    values: str | None = None
    if isinstance(value, list):
        values = _lists(value) if _WIDTH.fullmatch(name) else None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        values = _real(name, value) or (_whole(name, value, beside) if isinstance(value, int) else None)
    return None if values is None else Proposal(key, values, value)


def _real(name: str, value: float) -> str | None:
    """The bounds around a real number; the number itself always lies within."""
    if _LEARNING_RATE.fullmatch(name) and value > 0:
        return _log(value / 10, value * 10 if value > 1 else min(value * 10, 1.0))
    if _WEIGHT_DECAY.fullmatch(name):
        return _log(value / 100, value * 10) if value > 0 else "interval(0, 0.01)" if value == 0 else None
    if _MOMENTUM.fullmatch(name) and 0 <= value < 1:
        return f"interval({0.5 if value >= 0.5 else 0}, {_text(max(value, 0.99))})"
    if _DROPOUT.fullmatch(name) and 0 <= value < 1:
        return f"interval(0, {0.5 if value <= 0.5 else 0.9 if value <= 0.9 else _text(value)})"
    return None


def _whole(name: str, value: int, beside: Mapping[str, Any]) -> str | None:
    if _BATCH_SIZE.fullmatch(name) and value > 1:
        return f"choice({value // 2}, {value}, {value * 2})"
    if _DEPTH.fullmatch(name) and 0 < value <= 64:
        return f"int(interval({max(1, value // 2)}, {max(value * 2, value + 2)}))"
    if not _WIDTH.fullmatch(name) or value < _LEAST_WIDTH:
        return None
    heads = [int(n) for key, n in beside.items() if "head" in str(key).lower() and type(n) is int and n > 0]
    if heads:  # attention splits the width among its heads
        sizes = [size for size in (value // 2, value, value * 2) if all(size % n == 0 for n in heads)]
        return f"choice({', '.join(map(str, sizes))})" if len(sizes) > 1 else None
    return f"tag(log, int(interval({max(1, value // 4)}, {value * 2})))"


def _lists(value: list[Any]) -> str | None:
    if not value or not all(type(size) is int and size >= _LEAST_WIDTH for size in value):
        return None
    scaled = ([size // 2 for size in value], value, [size * 2 for size in value])
    return f"choice({', '.join(map(str, scaled))})"


def _log(low: float, high: float) -> str:
    return f"tag(log, interval({_text(low)}, {_text(high)}))"


def _text(number: float) -> str:
    return f"{number:.6g}"
