"""A foot with a name is cut off in any style, or it is said that this is not certain."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.imaging.scale.regions.clean_rows import CleanRows, clean_rows
from pipeline.imaging.scale.regions.databar import find_data_bar
from tests.imaging.scale.scale_drawings import font, specimen

_NAME = "Operator: E. Mueller"


def _with_name(y: int, *, strip: tuple[int, int] | None = None, dark: bool = False) -> NDArray[np.uint8]:
    ground = specimen(480, 640, 3) // (12 if dark else 1)
    image = Image.fromarray(ground.astype(np.uint8))
    pen = ImageDraw.Draw(image)
    if strip is not None:
        pen.rectangle((0, strip[0], 639, strip[1]), fill=0)
    pen.text((40, y), _NAME, fill=255, font=font(16))
    return np.asarray(image, np.uint8)


@pytest.mark.parametrize(
    "gray",
    [
        _with_name(452, strip=(440, 479)),
        _with_name(452, strip=(440, 479), dark=True),
        _with_name(440),
        _with_name(12, strip=(0, 40)),
        _with_name(12),
    ],
    ids=["a stripe", "a stripe under a black specimen", "on the specimen", "a strip at the top", "at the top"],
)
def test_no_foot_is_left(gray: NDArray[np.uint8]) -> None:
    bar = find_data_bar(gray)
    rows = clean_rows(gray, bar.top if bar is not None and bar.is_stripe else -1)
    assert rows.is_sure
    assert rows.last - rows.first > 350
    rest = np.ascontiguousarray(gray[rows.first : rows.last])
    assert clean_rows(rest, -1) == CleanRows(0, len(rest), is_sure=True)


def test_print_in_the_middle_is_not_cut_for_certain() -> None:
    rows = clean_rows(_with_name(240), -1)
    assert (rows.first, rows.last, rows.is_sure) == (0, 480, False)


def test_a_picture_without_print_stays_whole() -> None:
    assert clean_rows(specimen(300, 400, 5), -1).last == 300
