"""Sheets of very small pictures, and what is packed."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.reporting.columns import NO_IMAGE
from pipeline.reporting.packing import pack, unpack
from pipeline.reporting.tiles import COLUMNS, make_tiles


def grays(images: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
    return {image: np.full((30, 40), image % 256, np.uint8) for image in images if image != 5}


def test_each_picture_lies_in_its_place() -> None:
    tiles = make_tiles(range(300), grays)
    assert (tiles.edge, len(tiles.sheets), tiles.images[5], tiles.images[299]) == (96, 2, NO_IMAGE, 299)
    assert (tiles.sizes[5], tiles.sizes[299]) == ([0, 0], [40, 30])
    sheet = Image.open(io.BytesIO(base64.b64decode(tiles.sheets[1].partition(",")[2]))).convert("L")
    place = 299 - COLUMNS * COLUMNS
    middle = (place % COLUMNS * tiles.edge + 20, place // COLUMNS * tiles.edge + 15)
    assert abs(int(sheet.getpixel(middle)) - 299 % 256) <= 3  # type: ignore[arg-type]


def test_budget_makes_tiles_smaller_then_fewer() -> None:
    def noise(images: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
        return {image: np.random.default_rng(image).integers(0, 255, (90, 96), np.uint8) for image in images}

    whole = make_tiles(range(600), noise)
    needed = sum(map(len, whole.sheets))
    smaller = make_tiles(range(600), noise, budget=needed // 3)
    assert (len(smaller.images), smaller.edge < whole.edge) == (600, True)
    few = make_tiles(range(600), noise, budget=len(smaller.sheets[0]) // 3)
    assert len(few.images) < 600
    assert make_tiles([], noise).sheets == []


def test_packing() -> None:
    assert unpack(pack(b"cluster 3" * 99)) == b"cluster 3" * 99
    assert len(pack(b"cluster 3" * 99)) < 99
    assert pack(b"a") == pack(b"a")
