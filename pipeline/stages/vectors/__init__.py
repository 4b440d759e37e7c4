"""embed and autoencode: a vector for every picture, and shorter codes of vectors."""
