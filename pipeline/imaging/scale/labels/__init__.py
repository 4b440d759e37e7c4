"""Where the label of a bar is, its crops, and the value that its text states."""
