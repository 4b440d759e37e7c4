"""Very small pictures, many to a sheet, so that every picture of a clustering can be seen on the page."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.reporting.album import Thumbnails
from pipeline.reporting.columns import NO_IMAGE

# Characters of base64 that all sheets together may take.
TILE_BUDGET = 5_000_000
COLUMNS = 16
_PER_SHEET = COLUMNS * COLUMNS
_EDGES = (96, 64, 48, 32)  # longest edge in px: the largest that lets all pictures in
_QUALITY = 55


@dataclass(frozen=True, slots=True)
class Tiles:
    """Sheets of small pictures.

    Attributes
    ----------
    edge : int
        Width and height in px of the square that a picture lies in, at its upper left.
    images : list of int
        The images in the order of their places: row by row, `COLUMNS` a row, `COLUMNS` rows a sheet; `NO_IMAGE` where
        there is no picture.
    sizes : list of [int, int]
        Width and height of each picture in px.
    sheets : list of str
        WebP as data URIs.
    """

    edge: int
    images: list[int]
    sizes: list[list[int]]
    sheets: list[str]

    def as_json(self) -> dict[str, object]:
        """Return what the page's script needs."""
        names = ("edge", "images", "sizes", "sheets")
        return {name: getattr(self, name) for name in names} | {"columns": COLUMNS, "per_sheet": _PER_SHEET}


def make_tiles(images: Sequence[int], thumbnails: Thumbnails, *, budget: int = TILE_BUDGET) -> Tiles:
    """Lay the images out on sheets, as large as fits; where not even the smallest fit, the last are left out.

    An image that `thumbnails` does not return is left out. Some 30 ms a sheet of 256.
    """
    blocks = [images[start : start + _PER_SHEET] for start in range(0, len(images), _PER_SHEET)]
    if not blocks:
        return Tiles(_EDGES[-1], [], [], [])
    first = thumbnails(blocks[0])
    edge = next((edge for edge in _EDGES if len(_sheet(blocks[0], first, edge)[0]) * len(blocks) <= budget), _EDGES[-1])
    made = Tiles(edge, [], [], [])
    used = 0
    for block in blocks:
        pictures = thumbnails(block)
        uri, sizes = _sheet(block, pictures, edge)
        used += len(uri)
        if used > budget:
            break
        made.images.extend(image if image in pictures else NO_IMAGE for image in block)
        made.sizes.extend(sizes)
        made.sheets.append(uri)
    return made


def _sheet(images: Sequence[int], pictures: Mapping[int, NDArray[np.uint8]], edge: int) -> tuple[str, list[list[int]]]:
    """One sheet and the sizes of its pictures, [0, 0] where there is none."""
    sheet = Image.new("L", (COLUMNS * edge, -(-len(images) // COLUMNS) * edge), 128)
    sizes = [[0, 0] for _ in images]
    for place, image in enumerate(images):
        if image in pictures:
            small = Image.fromarray(np.ascontiguousarray(pictures[image], dtype=np.uint8))
            small.thumbnail((edge, edge), Image.Resampling.BOX)
            sheet.paste(small, ((place % COLUMNS) * edge, (place // COLUMNS) * edge))
            sizes[place] = list(small.size)
    sink = io.BytesIO()
    sheet.save(sink, format="WEBP", quality=_QUALITY, method=2)
    return "data:image/webp;base64," + base64.b64encode(sink.getvalue()).decode("ascii"), sizes
