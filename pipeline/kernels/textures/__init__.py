"""Descriptions of a picture's texture that need no training: local binary patterns, co-occurrences, scattering."""
