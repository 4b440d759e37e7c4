"""Which rows a network is trained on, and the labels of those of one that learns labels."""

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.imaging.canonical import SQUARE_PX
from pipeline.kernels.signatures.look_alikes import look_alike_groups
from pipeline.networks.base import CodeNetworkSettings, NetworkSettings, PictureNetworkSettings
from pipeline.runtime.keys import pixels_key
from pipeline.stages.files.ledger import read_images
from pipeline.stages.selection import done_rows
from pipeline.stages.vectors.sets import learnt_labels, vector_sets, wanted_rows

_WHOLE_LABELS = 1 << 16  # parts of a label's path: all
_CROWD = 64  # look-alikes from which on pictures are no longer told apart by them


def ready_rows(root: zarr.Group, recipe: Recipe, settings: NetworkSettings) -> NDArray[np.int64]:
    """Rows whose pictures, or whose vectors, are there to be read, as far as the recipe selects them."""
    if isinstance(settings, PictureNetworkSettings):
        return wanted_rows(root, recipe, settings, done_rows(root, "pixels", pixels_key(recipe)))
    assert isinstance(settings, CodeNetworkSettings), "there are these two kinds"
    source = next((found for found in vector_sets(root, recipe) if found.name == settings.vectors), None)
    return np.empty(0, np.int64) if source is None else source.rows


def training_rows(root: zarr.Group, recipe: Recipe, settings: NetworkSettings) -> NDArray[np.int64]:
    """Rows that a network is trained on: all, or so many of the smallest MD5."""
    rows = ready_rows(root, recipe, settings)
    if isinstance(settings, PictureNetworkSettings) and settings.learns:
        rows = rows[labels_of(root, recipe, settings, rows)[0] != ""]
    if not isinstance(settings, PictureNetworkSettings) or len(rows) <= settings.training_limit:
        return rows
    digests = read_images(root).md5[rows]
    order = np.lexsort(digests.T[::-1])
    return np.sort(rows[order[: settings.training_limit]])


def labels_of(
    root: zarr.Group, recipe: Recipe, settings: PictureNetworkSettings, rows: NDArray[np.int64]
) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
    """Labels of some rows, text [n], empty where there is none, and which of them only judge what is learnt."""
    labels, judging = np.full(len(rows), "", dtype=object), np.zeros(len(rows), bool)
    for place, one in enumerate(learnt_labels(root, recipe, settings)):  # what judges comes last, and is not learnt
        positions, found = one.at_level(_WHOLE_LABELS, rows)
        labels[positions], judging[positions] = found, place > 0
    return labels.astype(np.str_), judging


def look_alikes(root: zarr.Group, recipe: Recipe, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of some rows, int64 [n]: those of one number look alike, though `pair` has found no copies in them."""
    images = read_images(root)
    return look_alike_groups(
        images.signature[rows],
        images.square[rows].reshape(-1, SQUARE_PX, SQUARE_PX),
        tolerance=recipe.pair.signature_tolerance,
        crowd=_CROWD,
    )
