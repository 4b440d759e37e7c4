"""neighbours: the nearest neighbours of every vector, shared by all that follows."""
