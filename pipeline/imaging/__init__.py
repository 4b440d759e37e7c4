"""Bytes in, pixels or readings out: decoders, canonical gray, vendor metadata, data bars and their text."""
