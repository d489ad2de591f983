"""What has been asked and observed: the store, and the optimizer that learns from it."""
