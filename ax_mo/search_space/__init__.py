"""From Hydra's override grammar to a search space, and from a point in it back to overrides."""
