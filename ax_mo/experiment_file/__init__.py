"""A first experiment file for a project: what to search and to optimize, proposed from its configuration and source."""
