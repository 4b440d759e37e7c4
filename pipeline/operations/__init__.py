"""What is done with an index besides running it."""
