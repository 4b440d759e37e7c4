"""Clustering: k-means, Density Peaks plain and advanced, hierarchical."""
