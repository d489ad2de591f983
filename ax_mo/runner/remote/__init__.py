"""Jobs that share no disk with the sweep: through a store, or through Ray."""
