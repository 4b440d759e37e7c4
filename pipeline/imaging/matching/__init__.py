"""Whether two files show the same picture."""
