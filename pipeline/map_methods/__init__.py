"""Maps: layouts of vectors in few dimensions. A file a method, and the table of them, `registry`."""
