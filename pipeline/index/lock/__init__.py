"""One writer at a time: a local file, or an object in a bucket."""
