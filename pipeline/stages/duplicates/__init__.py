"""pair: files that show one picture."""
