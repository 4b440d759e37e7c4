"""Where things lie, on a local disk or in a bucket, and how failures of either are told."""
