"""The index on disk or in a bucket: one Icechunk repository, Parquet reports, the corpus' files."""
