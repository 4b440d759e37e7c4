"""Clustering of vectors: arrays in, labels out."""
