"""labels: label sets matched to pictures."""
