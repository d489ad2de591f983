"""Jobs: a trial's command, and TorchX (or any other Hydra launcher) to run it."""
