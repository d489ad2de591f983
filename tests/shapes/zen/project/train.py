"""hydra-zen: configs are made of the functions that they configure."""

from hydra_zen import builds, store, zen


class Network:
    def __init__(self, width: int, depth: int = 2) -> None:
        self.size = width * depth


Built = builds(Network, populate_full_signature=True)
networks = store(group="net")
networks(Built(width=8), name="small")
networks(Built(width=64), name="large")


@store(name="train", hydra_defaults=["_self_", {"net": "small"}])
def train(net: Network, lr: float = 0.1) -> dict[str, float]:
    return {"loss": abs(lr - 0.01), "params": float(net.size)}


if __name__ == "__main__":
    store.add_to_hydra_store()
    zen(train).hydra_main(config_name="train", version_base="1.1", config_path=None)
