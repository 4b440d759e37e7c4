"""From candidates to a value, or to a status with its reason."""
