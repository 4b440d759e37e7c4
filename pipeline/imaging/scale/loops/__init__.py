"""Compiled loops over pixels of small parts of a picture; each says the same as OpenCV or NumPy."""
