"""Exact nearest neighbours: lower bounds, candidates, proofs, and lists that merge."""

from pipeline.kernels.neighbours.nearest import nearest_neighbours

__all__ = ["nearest_neighbours"]
