"""Values that everything else speaks in, and pure functions of them: trials, objectives, curves, the Pareto front."""
