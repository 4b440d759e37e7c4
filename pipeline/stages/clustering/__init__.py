"""cluster: every set of vectors by every method of the recipe."""
