"""The objectives of a first search: what a checkpoint callback watches, what is logged or returned, and a cost."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ax_mo.experiment_file.metric_names import ReturnedNames, logged_names, monitors, returned_names, uses
from ax_mo.experiment_file.sources import Source, libraries

_LIGHTNING = {"lightning", "pytorch_lightning"}
_MAXIMIZED = re.compile(
    r"acc(uracy)?\d*|top\d+|auc|auroc|auprc|ap|map|f1|f1score|iou|miou|dice|precision|recall|r2|reward|rewards|score|"
    r"return|bleu|rouge|psnr|ssim|success|kappa|mcc|correlation|spearman|pearson|hits|ndcg|mrr|throughput"
)
_MINIMIZED = re.compile(
    r"loss|losses|err|error|errors|mse|rmse|mae|mape|smape|nll|ppl|perplexity|bpb|wer|cer|fid|brier|ece|regret|distance"
)
_COST = re.compile(
    r"(num_?|n_?)?params?|parameters|size|width|neurons|latency|flops|macs|seconds|time|duration|memory|mb|cost|energy"
)

_MODEL_SIZE = "With a line ax_mo.report_model(model) in your code, there is num_params: minimize as well."


@dataclass(frozen=True)
class ProposedObjective:
    """A metric, maximize or minimize, and where it comes from."""

    name: str
    goal: str
    why: str


@dataclass(frozen=True)
class ProposedObjectives:
    """At least one; ``others`` are known besides, and ``is_guess`` says that no metric was found at all."""

    objectives: tuple[ProposedObjective, ...]
    others: tuple[str, ...] = ()
    is_guess: bool = False
    notes: tuple[str, ...] = ()
    """What more there could be."""


def propose_objectives(config: Mapping[str, Any], sources: Sequence[Source]) -> ProposedObjectives:
    """One metric of quality and one cost, where both are to be had without a change of the code."""
    returned = returned_names(sources)
    has_lightning = bool(_LIGHTNING & (libraries(sources) | set(_target_libraries(config))))
    logged = logged_names(sources) if has_lightning else []
    if returned is not None and returned.kind == "tuple" and not logged:
        names = [name or f"value_{index}" for index, name in enumerate(returned.names)]
        why = "the task returns them, in this order"
        return ProposedObjectives(tuple(ProposedObjective(name, goal_of(name), why) for name in names))
    reports_model = uses(sources, "report_model")
    free = ["num_params"] if has_lightning or reports_model else []
    names = list(dict.fromkeys([*_of_mapping(returned), *logged]))
    found = _quality(config, names, has_lightning)
    if found is None and returned is not None and returned.kind == "number":
        name = (returned.names or ("objective",))[0]
        found = ProposedObjective(name, goal_of(name), "the number that the task returns")
    if found is None:
        unknown = ProposedObjective("loss", "minimize", "no metric was found: name one that the task returns or logs")
        return ProposedObjectives((unknown,), is_guess=True)
    costs = [name for name in [*names, *free] if is_cost(name) and name != found.name]
    costs.sort(key=lambda name: ("param" not in name, "train" in name or "test" in name))
    cost = [ProposedObjective(costs[0], "minimize", _of_cost(costs[0], names))] if costs else []
    chosen = {found.name, *costs[:1]}
    notes = () if costs or "torch" not in libraries(sources) else (_MODEL_SIZE,)
    others = tuple(name for name in names if name not in chosen)
    return ProposedObjectives((found, *cost), others, notes=notes)


def goal_of(name: str) -> str:
    """maximize or minimize, by the words that the name is made of; minimize where they tell nothing."""
    words = _words(name)
    if any(map(_MINIMIZED.fullmatch, words)):
        return "minimize"
    return "maximize" if any(map(_MAXIMIZED.fullmatch, words)) else "minimize"


def is_cost(name: str) -> bool:
    """Whether a metric of this name is one that is to be small, such as a size or a time."""
    return any(map(_COST.fullmatch, [name.lower(), *_words(name)])) and goal_of(name) == "minimize"


def _quality(config: Mapping[str, Any], names: Sequence[str], has_lightning: bool) -> ProposedObjective | None:
    for kind, metric, mode in monitors(config):
        if has_lightning or metric in names:
            return ProposedObjective(metric, f"{mode}imize", f"what {kind} watches")
    wanted = config.get("optimized_metric")
    if isinstance(wanted, str) and wanted in names:
        return ProposedObjective(wanted, goal_of(wanted), "optimized_metric of the configuration")
    rated = [(rating, -place, name) for place, name in enumerate(names) if (rating := _rating(name)) is not None]
    if not rated:
        return None
    name = max(rated)[2]
    return ProposedObjective(name, goal_of(name), "seen in the source")


def _rating(name: str) -> int | None:
    """How well a metric says what a training has come to; None for what it was trained on, and for costs."""
    words = _words(name)
    if is_cost(name) or "train" in words:
        return None
    held_out = 4 if {"val", "valid", "validation", "dev"} & set(words) else 2 if "test" in words else 0
    return held_out + (1 if goal_of(name) == "maximize" else 0)


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]


def _of_mapping(returned: ReturnedNames | None) -> tuple[str, ...]:
    return returned.names if returned is not None and returned.kind == "mapping" else ()


def _of_cost(name: str, names: Sequence[str]) -> str:
    return "seen in the source" if name in names else "there without a change of your code"


def _target_libraries(config: Any) -> list[str]:
    if not isinstance(config, Mapping):
        return []
    own = [str(config["_target_"]).partition(".")[0]] if "_target_" in config else []
    return own + [name for value in config.values() for name in _target_libraries(value)]
