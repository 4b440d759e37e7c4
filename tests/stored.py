"""Comparing what two indexes hold, bit for bit."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr

from pipeline.index.store import open_index


def stored_arrays(index: str | Path) -> dict[str, np.ndarray[Any, Any]]:
    """Every array of the store by its path."""
    root = open_index(index).read()
    return {path: np.asarray(node[:]) for path, node in root.members(max_depth=None) if isinstance(node, zarr.Array)}


def differing_arrays(first: str | Path, second: str | Path) -> list[str]:
    """Names of the arrays that are not the same bits in both indexes."""
    a, b = stored_arrays(first), stored_arrays(second)
    return sorted(name for name in a.keys() | b.keys() if name not in a or name not in b or not _same(a[name], b[name]))


def _same(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind in "TUO":
        return a.tolist() == b.tolist()
    return a.tobytes() == b.tobytes()
