"""Multi-objective Bayesian optimization as a Hydra sweeper.

Importing this package costs next to nothing: it is imported inside every trial.
"""

__version__ = "0.1.0"
