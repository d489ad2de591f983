"""What everything else speaks of: trials, objectives, the Pareto front, failures; and the processes of local jobs."""
