"""A Lightning task that takes milliseconds and logs what a test wants."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

FLAVOURS = ("lightning.pytorch", "pytorch_lightning")


def library(flavour: str = FLAVOURS[0]) -> Any:
    return importlib.import_module(flavour)


def loader(rows: int = 8) -> Any:
    return DataLoader(TensorDataset(torch.linspace(0, 1, rows).unsqueeze(1)), batch_size=2)


def module(
    flavour: str = FLAVOURS[0],
    logs: Callable[[int], Mapping[str, float]] = lambda epoch: {"val/acc": 0.5 + epoch / 10},
    validates: bool = True,
    **hooks: Callable[[Any], None],
) -> Any:
    """A module of 4 trainable and 2 frozen parameters; ``logs(epoch)`` is logged by each validation.

    ``hooks`` are further methods, which take the module.
    """

    class Task(library(flavour).LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 2)
            self.frozen = torch.nn.Linear(1, 1).requires_grad_(False)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = self.layer(batch[0]).square().mean()
            self.log("train/loss", loss, on_step=False, on_epoch=True)
            return loss

        def test_step(self, batch: Any, batch_idx: int) -> None:
            self.log("test/acc", 0.25)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.layer.parameters(), lr=0.01)

    def validation_step(self: Any, batch: Any, batch_idx: int) -> None:
        for name, value in logs(self.current_epoch).items():
            self.log(name, value, on_epoch=True)

    if validates:
        Task.validation_step = validation_step
    for name, hook in hooks.items():
        setattr(Task, name, hook)
    return Task()


def trainer(root: Path, flavour: str = FLAVOURS[0], max_epochs: int = 3, **options: Any) -> Any:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "accelerator": "cpu"}
    quiet |= {"enable_checkpointing": False, "default_root_dir": str(root), "log_every_n_steps": 1}
    return library(flavour).Trainer(max_epochs=max_epochs, **(quiet | options))


def fit(root: Path, task: Any = None, flavour: str = FLAVOURS[0], **options: Any) -> Any:
    """A Trainer after its fit."""
    task = module(flavour) if task is None else task
    made = trainer(root, flavour, **options)
    made.fit(task, loader(), loader(4) if hasattr(type(task), "validation_step") else None)
    return made
