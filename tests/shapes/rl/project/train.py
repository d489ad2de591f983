"""An agent's training loop; the mean reward of the last episodes is all that comes out."""

from pathlib import Path

import hydra
from omegaconf import DictConfig


@hydra.main(config_path="", config_name="config")
def main(cfg: DictConfig) -> float:
    rewards = [cfg.agent.gamma * episode for episode in range(cfg.episodes)]
    Path("policy.pt").write_text("weights")  # Hydra has changed to the run's own directory
    return sum(rewards[-3:]) / 3


if __name__ == "__main__":
    main()
