"""Jobs of clusters that TorchX submits."""
