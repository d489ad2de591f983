"""A task that trains for so many epochs, from a checkpoint if it is given one, and leaves one itself."""

import json
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

import ax_mo


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> dict[str, float]:
    begun = json.loads(Path(cfg.resume).read_text())["epochs"] if cfg.resume else 0
    while cfg.epochs >= cfg.held_from and not Path(cfg.until).exists():
        time.sleep(0.02)
    if cfg.epochs >= cfg.fails_from:
        raise RuntimeError("diverged")
    acc = 0.0
    for epoch in range(begun, cfg.epochs):
        acc = cfg.quality * (1 - 0.5 ** (epoch + 1))
        ax_mo.report(epoch, acc=acc, size=cfg.size)
    models = Path(HydraConfig.get().runtime.output_dir) / "models"
    models.mkdir()
    (models / "model.json").write_text(json.dumps({"epochs": cfg.epochs}))
    return {"acc": acc, "size": cfg.size, "trained": cfg.epochs - begun}


if __name__ == "__main__":
    main()
