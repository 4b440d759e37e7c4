"""The stage `arrays`: rows of arrays as vectors and pictures, where a corpus is no heap of picture files."""
