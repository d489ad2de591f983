"""What proposes the next point: Ax and its models, and the thread on which they compute."""
