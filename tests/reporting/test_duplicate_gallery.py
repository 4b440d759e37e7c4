"""Duplicates side by side: which groups, what is said of each member, and differences as pictures."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from pipeline.reporting import duplicate_gallery
from pipeline.reporting.differences import difference_picture

PICTURE = np.random.default_rng(3).integers(0, 200, (48, 64), np.uint8)


def nothing(_images: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
    return {}


def test_groups_show_every_relation() -> None:
    n = 2 * (duplicate_gallery.MAX_GROUPS + 4)
    relation = ["near"] * (n - 2) + ["crop"] * 2
    table = pa.table({"group": np.arange(n) // 2, "image": range(n), "relation": relation})
    groups, left = duplicate_gallery.duplicate_groups({"duplicates": table}, nothing)
    assert {group.relation for group in groups} == {"near", "crop"}
    assert (len(groups), left) == (duplicate_gallery.MAX_GROUPS, 4)


def test_each_member_says_what_it_is() -> None:
    """Pixels that differ in one member are not said of another whose pixels are equal."""
    duplicates = pa.table(
        {
            "group": [7, 7, 7], "image": [5, 7, 9], "relation": ["same_pixels", "", "same_picture"],
            "differing_pixels": [None, None, 761_643], "max_difference": [None, None, 19],
        }
    )  # fmt: skip
    images = pa.table(
        {
            "image": [5, 7, 9], "format": ["png", "tiff", "jpeg"], "width_px": [64] * 3, "height_px": [48] * 3,
            "bit_depth": [8, 16, 8],
        }
    )  # fmt: skip
    files = pa.table({"path": ["a.png", "b/c.tif", "z.jpg"], "status": ["ok"] * 3, "image": [5, 7, 9]})
    tables = {"duplicates": duplicates, "images": images, "files": files}
    (group,), _ = duplicate_gallery.duplicate_groups(tables, lambda rows: dict.fromkeys(rows, PICTURE))
    said = {one.path: (one.relation, one.kind, one.note) for one in group.members}
    assert said == {
        "b/c.tif": ("", "tiff, 64 x 48 px, 16 bits", "stands for the group"),
        "a.png": ("same pixels", "png, 64 x 48 px", "every pixel equal"),
        "z.jpg": ("same picture", "jpeg, 64 x 48 px", "761,643 pixels differ, by at most 19 of 255"),
    }
    assert group.members[0].path == "b/c.tif"
    assert [bool(one.picture) for one in group.members] == [True] * 3
    assert [one.difference_note for one in group.members] == ["", "no difference", "no difference"]


def test_one_pixel_in_a_large_picture_is_seen() -> None:
    large = np.tile(PICTURE, (16, 16))
    other = large.copy()
    other[500, 700] += 1
    found = difference_picture(large, other)
    assert found is not None
    assert max(found.pixels.shape) <= 240
    assert (found.pixels.max(), int((found.pixels > 0).sum())) == (255, 1)
    assert found.note == "largest difference 1, brightened 255 times"


@pytest.mark.parametrize("quarter", range(4))
@pytest.mark.parametrize("side", [1, -1])
def test_turned_and_mirrored_copies_lie_on_each_other(quarter: int, side: int) -> None:
    found = difference_picture(PICTURE, np.rot90(PICTURE[:, ::side], quarter))
    assert found is not None
    assert found.note == "no difference" + (" (turned or mirrored)" if (quarter, side) != (0, 1) else "")


def test_other_bars_crops_and_smaller_copies() -> None:
    bar = difference_picture(PICTURE, np.concatenate([PICTURE, PICTURE[:20]]))
    assert bar is not None
    assert bar.note == "no difference in the 48 upper rows"
    small = difference_picture(PICTURE.repeat(2, 0).repeat(2, 1), PICTURE)
    assert small is not None
    assert small.note == "no difference"
    assert difference_picture(PICTURE, PICTURE[:20, :40]) is None
