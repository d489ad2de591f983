"""The user's Hydra application: its command line, what overrides compose to, its saved configs."""
