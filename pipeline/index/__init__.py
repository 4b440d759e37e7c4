"""The index: its store with tables and rows, its reports, what people entered, and its lock."""

import zarr

# Chunks that hold nothing but fill values are stored too, so that `verify` can tell one that was lost from one that was
# never made: what Icechunk keeps of a chunk's place has no checksum of its own.
zarr.config.set({"array.write_empty_chunks": True})
