"""A task with a learning curve of its own: quality is known, and so which trials are worth going on."""

import sys
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

import ax_mo


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> object:
    acc, step = 0.0, -1
    for step in range(cfg.steps):
        time.sleep(cfg.seconds)
        acc = cfg.quality * (1 - 0.5 ** (step + 1))
        ax_mo.report(step, acc=acc, size=cfg.size)
        with (Path(HydraConfig.get().runtime.output_dir) / "checkpoint.txt").open("a") as checkpoint:
            checkpoint.write(f"{step}\n")
        if ax_mo.should_stop() and not cfg.deaf:
            if cfg.dies_when_stopped:
                sys.exit(7)
            break
    time.sleep(cfg.closing_seconds)  # a test, say
    return {"acc": acc, "size": cfg.size, "steps": step + 1}


if __name__ == "__main__":
    main()
