"""Train one classifier of handwritten digits: `python train.py [overrides]`."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import hydra

if TYPE_CHECKING:
    from omegaconf import DictConfig

log = logging.getLogger(__name__)


def train(cfg: DictConfig) -> dict[str, float]:
    """Train as `cfg` says and return the final metrics as plain numbers.

    `val_acc` and `val_loss` are those of the last epoch, `num_params` counts trainable parameters and
    `train_seconds` is the wall time of the fit alone, without imports and set-up.
    """
    # Imported here, not above: they take seconds, and `--help`, `--cfg job` and tab completion need none.
    import pytorch_lightning as pl
    import torch
    from digits.quiet import hush_lightning
    from digits.task import ClassificationTask

    hush_lightning()
    torch.set_num_threads(cfg.torch_threads)
    pl.seed_everything(cfg.seed, workers=True)

    datamodule = hydra.utils.instantiate(cfg.data)
    net = hydra.utils.instantiate(cfg.model)
    task = ClassificationTask(net, optimizer=hydra.utils.instantiate(cfg.optim))
    trainer = hydra.utils.instantiate(cfg.trainer)

    start = time.perf_counter()
    trainer.fit(task, datamodule=datamodule, ckpt_path=cfg.ckpt_path)
    train_seconds = time.perf_counter() - start

    return {
        "val_acc": trainer.callback_metrics["val_acc"].item(),
        "val_loss": trainer.callback_metrics["val_loss"].item(),
        "num_params": sum(p.numel() for p in net.parameters() if p.requires_grad),
        "train_seconds": train_seconds,
    }


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> dict[str, float]:
    """Hydra's entry point: what it returns is what a sweeper gets to see."""
    metrics = train(cfg)
    log.info("  ".join(f"{name}={round(value, 4)}" for name, value in metrics.items()))
    return metrics


if __name__ == "__main__":
    main()
