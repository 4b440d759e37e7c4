"""Measurements of production code; each also runs at a tiny size in the tests."""
