"""A task that notes each run of itself, so that one that ran twice is seen: start and end, a line each."""

import json
import os
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> object:
    spec = json.loads((Path(HydraConfig.get().runtime.output_dir) / "trial.json").read_text())
    note(cfg.journal, f"start {spec['trial']} {spec['attempt']} {os.getpid()}")
    time.sleep(cfg.seconds)
    note(cfg.journal, f"end {spec['trial']} {spec['attempt']} {os.getpid()}")
    return {"loss": (cfg.x - 0.3) ** 2 + cfg.y, "size": 10 * (1 + cfg.x)}


def note(journal: str, line: str) -> None:
    """One write of a file opened for appending: the lines of trials that run at once do not mix."""
    descriptor = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


if __name__ == "__main__":
    main()
