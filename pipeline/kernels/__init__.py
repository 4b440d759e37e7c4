"""Numerical kernels: pure functions, arrays in and arrays out."""
