"""What drives the stages: plans, the loop that executes them, keys, stopping, metrics."""
