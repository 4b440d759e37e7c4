"""Neighbours by other means than our kernels: FAISS's graph, and Torch's products on a GPU."""
