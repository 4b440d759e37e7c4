"""Clustering: k-means, Density Peaks, hierarchical."""
