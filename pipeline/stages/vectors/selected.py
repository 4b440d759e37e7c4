"""Which pictures meet a recipe's selection."""

from collections.abc import Sequence

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.index.arrays import find_array
from pipeline.index.rows import read_rows
from pipeline.networks.selection import Selection
from pipeline.stages.files.ledger import read_images
from pipeline.stages.labels.sets import LabelSet

_SAME_LENGTH = 1e-6  # 1 um is 1000 nm, however it was calculated


def selected(
    root: zarr.Group, select: Selection, rows: NDArray[np.int64], label_sets: Sequence[LabelSet]
) -> NDArray[np.bool_]:
    """Whether each picture meets all that is named.

    Parameters
    ----------
    root : zarr.Group
    select : Selection
    rows : int64 [n]
        Image rows of representatives, ascending.
    label_sets : sequence of LabelSet

    Returns
    -------
    bool [n]
        A picture without a scale meets no condition on it, one without a label none on labels.
    """
    meets = np.ones(len(rows), bool)
    if select.scale_nm:
        wanted = np.array(select.scale_nm)
        found = _scale(root, "scale_nm", rows)
        meets &= (np.abs(found[:, None] - wanted) <= _SAME_LENGTH * wanted).any(axis=1)
    if select.nm_per_px:
        found = _scale(root, "nm_per_px", rows)
        meets &= (found >= select.nm_per_px[0]) & (found < select.nm_per_px[1])
    if select.width_px:
        widths = read_images(root).width_px[rows]
        meets &= (widths >= select.width_px[0]) & (widths <= select.width_px[1])
    if select.formats:
        formats = read_images(root).format[rows]
        meets &= np.isin(formats.astype(str), [name.lower() for name in select.formats])
    if select.label_sets or select.labels:
        meets &= np.array([_has_label(select, label_sets, row) for row in rows.tolist()], bool)
    return meets


def _scale(root: zarr.Group, name: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """A column of the readings, NaN where nothing was read."""
    array = find_array(root, f"scale/{name}", np.float64)
    found = np.full(len(rows), np.nan)
    if array is not None:
        read = rows < array.shape[0]
        found[read] = read_rows(array, rows[read])
    return found


def _has_label(select: Selection, label_sets: Sequence[LabelSet], row: int) -> bool:
    labels = [
        found.of_image[row]
        for found in label_sets
        if row in found.of_image and (not select.label_sets or found.name in select.label_sets)
    ]
    if not select.labels:
        return bool(labels)
    return any(label == wanted or label.startswith(f"{wanted}/") for label in labels for wanted in select.labels)
