"""The corpus, which is only read: walking, globs, listing, names."""
