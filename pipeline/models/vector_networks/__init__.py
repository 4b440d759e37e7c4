"""The studies' autoencoders on vectors: one file a family, and one registry that names the networks."""
