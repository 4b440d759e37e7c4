"""agree: clusterings against label sets."""
