"""The example project's search for architectures as a problem of the race: every point is trained, in 0.1 to 0.5 s.

Networks, data and split are the project's own; the loop is written out, without Lightning's start of each run.
"""

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from race_problem import Problem, group, under

from ax_mo.core.objectives import parse_goals
from ax_mo.search_space.parameters import Choice, Option, Parameter, Range

_EXAMPLE_PROJECT = Path(__file__).parents[1] / "example_project"
_SEED = 1
_BATCH_SIZE = 64

# As conf/experiment/architectures.yaml is read.
_PARAMETERS: tuple[Parameter, ...] = (
    group("model", "cnn", "mlp"),
    Range("model.hidden1", 16, 128, integral=True, log=True, when=under("model", "mlp")),
    Range("model.hidden2", 16, 128, integral=True, log=True, when=under("model", "mlp")),
    Range("model.channels", 4, 32, integral=True, log=True, when=under("model", "cnn")),
    Range("model.hidden", 16, 128, integral=True, log=True, when=under("model", "cnn")),
    Range("model.dropout", 0.0, 0.5),
    group("optim", "adam", "sgd"),
    Range("optim.lr", 1e-4, 1e-2, log=True, when=under("optim", "adam")),
    Choice(
        "optim.betas",
        tuple(Option(betas, str(betas)) for betas in ([0.9, 0.999], [0.9, 0.99], [0.8, 0.99])),
        when=under("optim", "adam"),
    ),
    Range("optim.lr", 1e-2, 1.0, log=True, when=under("optim", "sgd")),
    Range("optim.momentum", 0.0, 0.99, when=under("optim", "sgd")),
    Range("trainer.max_epochs", 1, 4, integral=True),
)


@cache
def _images() -> tuple[Any, Any, Any, Any]:
    """Images and labels to train on, and those to validate on."""
    sys.path.insert(0, str(_EXAMPLE_PROJECT))
    from digits.data import DigitsDataModule

    data = DigitsDataModule(_BATCH_SIZE, val_fraction=0.2, split_seed=0)
    data.setup("fit")
    train, val = data.train_set, data.val_set
    return (*train.tensors, *val.tensors)


def _trained(point: Mapping[str, Any]) -> dict[str, float]:
    import torch

    x, y, val_x, val_y = _images()
    from digits.models import CNN, MLP

    with torch.random.fork_rng():  # a method's own draws go on as if nothing had been trained
        torch.manual_seed(_SEED)
        if point["model"] == "mlp":
            net = MLP(point["model.hidden1"], point["model.hidden2"], point["model.dropout"])
        else:
            net = CNN(point["model.channels"], point["model.hidden"], point["model.dropout"])
        if point["optim"] == "adam":
            optimizer = torch.optim.Adam(net.parameters(), lr=point["optim.lr"], betas=tuple(point["optim.betas"]))
        else:
            optimizer = torch.optim.SGD(net.parameters(), lr=point["optim.lr"], momentum=point["optim.momentum"])
        for _ in range(point["trainer.max_epochs"]):
            for chosen in torch.randperm(len(y)).split(_BATCH_SIZE):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(net(x[chosen]), y[chosen]).backward()
                optimizer.step()
    net.eval()
    with torch.no_grad():
        accuracy = (net(val_x).argmax(1) == val_y).float().mean().item()
    return {"val_acc": accuracy, "num_params": float(sum(weights.numel() for weights in net.parameters()))}


# The best known is what 1,600 trainings of the search behind --best-known have found; a longer one finds more.
ARCHITECTURES = Problem(
    "architectures",
    _PARAMETERS,
    parse_goals(
        {"val_acc": {"goal": "maximize", "threshold": 0.8}, "num_params": {"goal": "minimize", "threshold": 20_000}}
    ),
    _trained,
    best_known=0.21,
    log=("num_params",),
)
