"""The stages: each plans what is missing, runs shards of it, and merges. They meet in the index, never each other."""
