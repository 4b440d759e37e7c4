"""dimension: intrinsic dimension, spectrum, distance maps."""
