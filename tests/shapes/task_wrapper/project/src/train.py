"""A template's entry point: finds the project's root, goes there, and wraps its task."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from src.utils import setup_root, task_wrapper

setup_root(__file__)  # as rootutils does with cwd=True

import hydra
from omegaconf import DictConfig


@task_wrapper
def train(cfg: DictConfig) -> tuple[dict[str, float], dict[str, object]]:
    first = Path("data/first.txt").read_text()  # from the project's root, wherever it was started
    error = abs(cfg.model.lr - 0.01) * float(first)
    return {"val/loss": error, "val/acc": 1 - error, "model/width": float(cfg.model.width)}, {"cfg": cfg}


@hydra.main(version_base="1.3", config_path="../configs", config_name="train.yaml")
def main(cfg: DictConfig) -> dict[str, float]:
    metrics, _ = train(cfg)
    return metrics


if __name__ == "__main__":
    main()
