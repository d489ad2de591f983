"""What a study found: the Pareto front, and the files in the sweep directory."""
