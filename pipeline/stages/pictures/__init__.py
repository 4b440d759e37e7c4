"""pixels: the pictures as networks see them."""
