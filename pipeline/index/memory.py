"""A root group in memory that holds nothing, for planning before there is an index."""

import zarr


def empty_root() -> zarr.Group:
    """An empty root group."""
    return zarr.group(store=zarr.storage.MemoryStore())
