"""A project in the shape of the Lightning templates: an experiment file names the metric that ``main`` returns."""

import hydra
from omegaconf import DictConfig, OmegaConf


def train(cfg: DictConfig) -> dict[str, float]:
    net = cfg.model.net
    sizes = list(net.sizes) if net.sizes else [net.lin1_size]
    accuracy = 1.0 - abs(cfg.model.optimizer.lr - 0.01) - cfg.model.net.dropout / 10
    return {
        "val/acc_best": accuracy,
        "val/loss": 1.0 - accuracy,
        "examples_per_second": 1e6 / (sum(sizes) * cfg.trainer.max_epochs),
    }


@hydra.main(version_base="1.3", config_path="../configs", config_name="train.yaml")
def main(cfg: DictConfig) -> object:
    print(OmegaConf.to_yaml(cfg))
    metrics = train(cfg)
    names = cfg.optimized_metric
    return metrics[names] if isinstance(names, str) else tuple(metrics[name] for name in names)


if __name__ == "__main__":
    main()
