"""Jobs: TorchX on this machine or a cluster, or any other Hydra launcher, and what became of each."""
