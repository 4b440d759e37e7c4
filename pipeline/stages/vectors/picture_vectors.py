"""From stored squares to vectors: the network's views of each picture, put together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.imaging.canonical import shrink
from pipeline.imaging.views import view_shapes, views_by_shape
from pipeline.index.rows import row_pieces
from pipeline.networks.base import PictureEncoder, PictureNetworkSettings, Transform, Views
from pipeline.stages.pictures.squares import stored_squares, width_over_height

if TYPE_CHECKING:
    from pipeline.models.stored_pictures import StoredPictures

_HELD_BYTES = 8 * 2**20
_BLOCK = 64  # pictures whose views are in memory at once


def training_pictures(root: zarr.Group, rows: NDArray[np.int64], size: int) -> "NDArray[np.uint8] | StoredPictures":
    """Squares of the size that a network sees, uint8 [n, size, size]; in a file where they take over 8 MiB.

    Memory: these 8 MiB, and a piece of the larger squares.
    """
    if len(rows) * size * size > _HELD_BYTES:
        return _in_a_file(root, rows, size)
    return squares_of(root, rows, size)


def squares_of(root: zarr.Group, rows: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """The same in memory."""
    pictures = np.empty((len(rows), size, size), np.uint8)
    for where, block in row_pieces(stored_squares(root), rows):
        pictures[where] = shrink_all(block, size)
    return pictures


def _in_a_file(root: zarr.Group, rows: NDArray[np.int64], size: int) -> "StoredPictures":
    from pipeline.models.stored_pictures import StoredPictures

    pictures = StoredPictures(len(rows), size)
    for where, block in row_pieces(stored_squares(root), rows):
        pictures.write(where.start, shrink_all(block, size))
    return pictures


def shrink_all(squares: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Squares [n, S, S] averaged down to [n, size, size]."""
    return np.array([shrink(square, width=size, height=size) for square in squares], np.uint8).reshape(-1, size, size)


def aspects(root: zarr.Group, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Width over height of what the squares of some rows show."""
    return width_over_height(root)[rows]


def view_count(settings: PictureNetworkSettings) -> int:
    """Views of a picture whose vectors stand side by side."""
    return len(view_shapes(1.0, side=1, views=settings.seen))


def picture_vectors(
    encoder: PictureEncoder, root: zarr.Group, rows: NDArray[np.int64], settings: Sequence[PictureNetworkSettings]
) -> list[NDArray[np.float32]]:
    """Vectors of some rows, float32 [n, views x width] an entry, whose outputs the encoder has side by side.

    Memory: the result, a piece of the squares (`row_pieces`), and 64 pictures' views.
    """
    pixels = stored_squares(root)
    widths = encoder.widths if len(settings) > 1 else (encoder.dimension,)  # type: ignore[attr-defined]
    vectors = [
        np.empty((len(rows), width * view_count(one)), np.float32) for width, one in zip(widths, settings, strict=True)
    ]
    shown = aspects(root, rows)
    for where, block in row_pieces(pixels, rows):
        for first in range(0, len(block), _BLOCK):
            squares = block[first : first + _BLOCK]
            start = where.start + first
            stop = start + len(squares)
            outputs = _outputs(encoder, squares, shown[start:stop], settings[0].seen)
            for made, one, columns in zip(vectors, settings, _columns(widths), strict=True):
                made[start:stop] = _side_by_side([values[:, columns] for values in outputs], one.applied)
    return vectors


def _columns(widths: Sequence[int]) -> list[slice]:
    ends = np.cumsum(widths).tolist()
    return [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]


def _outputs(
    encoder: PictureEncoder, squares: NDArray[np.uint8], shown: NDArray[np.float64], views: Views
) -> list[NDArray[np.float32]]:
    """What the network gives, float32 [n, dimension] a view."""
    found = [np.empty((len(squares), encoder.dimension), np.float32) for _ in view_shapes(1.0, side=1, views=views)]
    for part, members, pictures in views_by_shape(squares, shown, side=encoder.image_size, views=views):
        found[part][members] = encoder.encode(pictures)
    return found


def _side_by_side(outputs: Sequence[NDArray[np.float32]], transform: Transform) -> NDArray[np.float32]:
    """Outputs of the views as one vector, of length 1 where each of them is."""
    found = np.concatenate([transformed(values, transform) for values in outputs], axis=1)
    return found if transform == "none" else np.divide(found, np.float32(np.sqrt(len(outputs))), dtype=np.float32)


def transformed(features: NDArray[np.float32], transform: str) -> NDArray[np.float32]:
    """Features as the vectors that distances are taken of.

    Parameters
    ----------
    features : float32 [n, D]
    transform : {"none", "l2", "sqrt_l2"}
        ``l2``: divided by their length. ``sqrt_l2``: first each value's square root, its sign kept; the few channels
        that answer strongly then rule the distance less. Zeros stay zeros.

    References
    ----------
    Arandjelovic and Zisserman 2012, doi:10.1109/CVPR.2012.6248018; Perronnin et al. 2010,
    doi:10.1007/978-3-642-15561-1_11.
    """
    if transform == "none":
        return features
    values = np.sign(features) * np.sqrt(np.abs(features)) if transform == "sqrt_l2" else features
    lengths = np.sqrt(np.square(values, dtype=np.float64).sum(axis=1, keepdims=True))
    return np.asarray(values / np.where(lengths > 0, lengths, 1.0), np.float32)
