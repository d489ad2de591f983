"""Hydra's own example for its Optuna sweeper, with a second value."""

import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="conf", config_name="config")
def sphere(cfg: DictConfig) -> dict[str, float]:
    return {"loss": cfg.x**2 + cfg.y**2, "cost": abs(cfg.x - 1)}


if __name__ == "__main__":
    sphere()
