"""Bars of any gray level, anywhere in the lower half."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.imaging.scale.bars.flat_strokes import flat_stroke_regions
from pipeline.imaging.scale.reading import read_scale
from tests.imaging.scale.scale_drawings import font, specimen


def printed(*, level: int, y: int, length: int = 160, thickness: int = 6, text: str = "200 nm") -> np.ndarray:
    """A specimen with white and black spots, and a bar with its label above it at a height of its own."""
    gray = specimen(768, 1024, 3)
    gray[::97, ::103], gray[1::97, ::103], gray[::89, 5::101] = 255, 255, 0
    picture = Image.fromarray(gray)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((700, y, 700 + length - 1, y + thickness - 1), fill=level)
    pen.text((700 + length // 2, y - 6), text, fill=level, font=font(28), anchor="mb")
    return np.asarray(picture, dtype=np.uint8)


@pytest.mark.parametrize("level", [230, 240, 255, 0])
@pytest.mark.parametrize("y", [480, 560, 720])
def test_a_bar_of_any_level_and_height_is_read(level: int, y: int) -> None:
    reading = read_scale(printed(level=level, y=y))
    assert reading.status == "read"
    assert reading.scale_nm == 200.0
    assert reading.bar_length_px == pytest.approx(160, abs=1.5)


def test_the_window_holds_stroke_and_label() -> None:
    region = flat_stroke_regions(printed(level=235, y=500))[0]
    assert region.background == "picture"
    assert region.level == 235
    assert region.top < 460
    assert region.bottom > 510
    assert region.left < 700
    assert region.right > 860


def test_longest_first_and_no_more_than_four() -> None:
    gray = specimen(768, 1024, 3)
    for row, length in enumerate((60, 200, 90, 120, 150)):
        gray[420 + 60 * row : 426 + 60 * row, 300 : 300 + length] = 250
    widths = [region.right - region.left for region in flat_stroke_regions(gray)]
    assert widths == sorted(widths, reverse=True)
    assert len({(region.top, region.left) for region in flat_stroke_regions(gray)}) == 4


def test_edges_of_large_even_areas_are_no_strokes() -> None:
    gray = np.full((600, 800), 60, np.uint8)
    gray[:400] = 180
    gray[450:520, 100:400] = 200
    assert flat_stroke_regions(gray) == []


@pytest.mark.parametrize("shape", [(0, 0), (31, 500), (500, 31), (64, 64)])
def test_small_and_constant_pictures_have_none(shape: tuple[int, int]) -> None:
    assert flat_stroke_regions(np.full(shape, 77, np.uint8)) == []


def test_a_bar_without_a_length_beside_it_gives_no_value() -> None:
    reading = read_scale(printed(level=230, y=500, text="sample B"))
    assert reading.nm_per_px is None


def test_a_stroke_that_coding_broke_is_windowed_once_and_whole() -> None:
    gray = printed(level=225, y=500, length=280).copy()
    gray[500:506, 740:960:60] -= 12
    regions = flat_stroke_regions(gray)
    assert len({(region.left, region.right) for region in regions}) == 1
    assert regions[0].left < 700
    assert regions[0].right > 980
