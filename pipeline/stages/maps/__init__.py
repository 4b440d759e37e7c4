"""map: layouts of the vectors in few dimensions."""
