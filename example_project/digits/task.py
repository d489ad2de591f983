"""What is learned: classification by cross-entropy, as a Lightning module."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytorch_lightning as pl
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]


class ClassificationTask(pl.LightningModule):
    """Trains `net`; after each epoch logs `val_acc` (0 to 1) and `val_loss` (nats per image)."""

    def __init__(self, net: nn.Module, optimizer: OptimizerFactory) -> None:
        super().__init__()
        self.net = net
        self.optimizer = optimizer

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, 10) of images (batch, 1, side, side)."""
        return self.net(images)

    def training_step(self, batch: tuple[Tensor, Tensor], _batch_idx: int) -> Tensor:
        images, labels = batch
        loss = cross_entropy(self(images), labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _batch_idx: int) -> None:
        images, labels = batch
        logits = self(images)
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
        self.log_dict({"val_acc": accuracy, "val_loss": cross_entropy(logits, labels)}, prog_bar=True)

    def configure_optimizers(self) -> Optimizer:
        return self.optimizer(self.parameters())
