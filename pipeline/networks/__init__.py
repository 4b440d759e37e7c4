"""What recipes may name to make vectors of pictures, or shorter codes of vectors: a file a network, and their table."""
