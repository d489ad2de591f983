"""What the person at the terminal sees while a study runs, at its end, and of the commands."""
