"""Where the data bar is."""

import numpy as np
import pytest

from pipeline.imaging.scale.regions.databar import find_data_bar, foreground_mask, overlay_regions
from tests.imaging.scale.scale_drawings import STYLES, Style, draw, specimen


@pytest.mark.parametrize("style", ["zeiss", "fei", "jeol", "jeol_right"])
def test_a_drawn_stripe_is_found_to_the_row(style: Style) -> None:
    drawing = draw(style)
    bar = find_data_bar(drawing.gray)
    assert bar is not None
    assert bar.is_stripe
    assert drawing.stripe_top is not None
    assert abs(bar.top - drawing.stripe_top) <= 1
    assert bar.bottom == drawing.gray.shape[0]
    assert bar.level == (255 if style == "zeiss" else 0)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_stripe_with_picture_below_and_beside_it(level: int) -> None:
    gray = specimen(768, 1024, 3)
    gray[600:660, 3:1020] = level
    gray[620:640, 100:500:4] = 255 - level if level != 128 else 0
    bar = find_data_bar(gray)
    assert bar is not None
    assert bar.is_stripe
    assert (bar.top, bar.bottom, bar.left, bar.right) == (600, 660, 3, 1020)


def test_a_blank_stripe_is_no_data_bar() -> None:
    gray = specimen(768, 1024, 3)
    gray[700:] = 255
    assert find_data_bar(gray) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_specimen_has_none(seed: int) -> None:
    assert find_data_bar(specimen(600, 800, seed)) is None


@pytest.mark.parametrize("shape", [(1, 1), (31, 500), (500, 31), (32, 32), (64, 64)])
@pytest.mark.parametrize("level", [0, 255])
def test_constant_and_tiny_pictures_have_none(shape: tuple[int, int], level: int) -> None:
    gray = np.full(shape, level, dtype=np.uint8)
    assert find_data_bar(gray) is None
    assert overlay_regions(gray) == []


def test_a_black_ground_is_not_cut_off_as_a_stripe() -> None:
    gray = np.zeros((768, 1024), dtype=np.uint8)
    gray[100:500, 200:800] = specimen(400, 600, 0)
    gray[740:750, 500:700] = 255
    bar = find_data_bar(gray)
    assert bar is not None
    assert bar.background == "plain"
    assert not bar.is_stripe


def test_foreground_is_what_is_printed_and_rules_are_cleared() -> None:
    drawing = draw("fei")
    bar = find_data_bar(drawing.gray)
    assert bar is not None
    gray = drawing.gray.copy()
    gray[bar.top + 40, :] = 255
    foreground = foreground_mask(gray, bar)
    plain = foreground_mask(drawing.gray, bar)
    rows = np.arange(foreground.shape[0]) != 40
    assert np.array_equal(foreground[rows], plain[rows])
    assert not foreground[40].any()
    assert plain.any()


def test_the_foreground_on_a_picture_is_its_extreme_level() -> None:
    drawing = draw("overlay")
    region = overlay_regions(drawing.gray)[0]
    assert region.level == 255
    assert region.tolerance < 12
    expected = drawing.gray[region.top : region.bottom] >= 255 - region.tolerance
    assert np.array_equal(foreground_mask(drawing.gray, region).astype(bool), expected)


def test_all_styles_are_covered() -> None:
    for style in STYLES:
        bar = find_data_bar(draw(style).gray)
        assert (bar is not None) == (draw(style).stripe_top is not None)


def test_gray_print_is_found_where_coding_overshoots_it() -> None:
    gray = np.random.default_rng(3).normal(120, 15, (512, 640)).clip(70, 170).astype(np.uint8)
    assert overlay_regions(gray) == []
    gray[480:488, 300:400] = 225
    gray[480:488, 300:303] = 246  # few pixels
    assert {region.level for region in overlay_regions(gray)} == {225}
