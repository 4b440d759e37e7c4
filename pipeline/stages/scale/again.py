"""Marking scales as unread, so that the next run of the stage reads them again."""

from collections.abc import Collection

import numpy as np

from pipeline.config import Recipe
from pipeline.index.arrays import open_array, read_strings
from pipeline.index.rows import KEY
from pipeline.index.store import Index
from pipeline.runtime.keys import scale_key
from pipeline.stages.scale.crops import drop_crops
from pipeline.stages.scale.rows import GROUP
from pipeline.stages.selection import done_rows


def mark_unread(index: Index, recipe: Recipe, statuses: Collection[str]) -> int:
    """Count the readings with one of these statuses (all where none is named) as missing; returns how many.

    Their crops are forgotten too, so that they are really read again. Killed afterwards, a run leaves them missing, and
    any later run reads them.
    """
    root, key = index.read(), scale_key(recipe)
    rows = done_rows(root, GROUP, key)
    if not len(rows):
        return 0
    status, crop = (read_strings(root, f"{GROUP}/{name}")[rows].tolist() for name in ("status", "crop"))
    chosen = np.array([not statuses or word in statuses for word in status], bool)
    if not chosen.any():
        return 0
    transaction = index.begin()
    keys = open_array(transaction.root, f"{GROUP}/{KEY}", np.uint64)
    values = keys[:]
    values[rows[chosen]] = 0
    keys[:] = values
    drop_crops(transaction.root, key, {name for name, again in zip(crop, chosen, strict=True) if again})
    transaction.commit(f"scale: {int(chosen.sum())} to be read again", {"stage": "scale", "kind": "layout"})
    return int(chosen.sum())
