"""Bytes of a file to pixels: one module a format, and the tables that choose among them."""
