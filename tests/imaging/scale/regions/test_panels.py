"""Panels of a figure, and the bars of several panels."""

import numpy as np
import pytest

from pipeline.imaging.scale import reading as scale
from pipeline.imaging.scale.reading import read_scale
from pipeline.imaging.scale.regions.panels import find_panels
from tests.imaging.scale.scale_drawings import Style, draw, specimen


def figure(styles: list[tuple[Style, str]], *, columns: int, gutter: int = 8, level: int = 255) -> np.ndarray:
    """Panels of 640 x 480 beside and below each other, each with a bar of its own."""
    rows = []
    for first in range(0, len(styles), columns):
        row: list[np.ndarray] = []
        for place, (style, number) in enumerate(styles[first : first + columns]):
            panel = draw(style, number=number, length=120, width=640, height=480, text_px=24, seed=first + place).gray
            row += [panel, np.full((480, gutter), level, np.uint8)]
        rows += [np.hstack(row[:-1]), np.full((gutter, np.hstack(row[:-1]).shape[1]), level, np.uint8)]
    return np.vstack(rows[:-1])


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize(("count", "columns"), [(2, 1), (2, 2), (4, 2), (6, 3)])
def test_panels_are_cut_at_their_gutters(count: int, columns: int, level: int) -> None:
    gray = figure([("overlay", "200")] * count, columns=columns, level=level)
    panels = find_panels(gray)
    assert len(panels) == count
    assert all(bottom - top == 480 and right - left == 640 for top, bottom, left, right in panels)


def test_a_micrograph_with_a_data_bar_is_one_panel() -> None:
    gray = draw("jeol", width=1024, height=768).gray
    assert find_panels(gray) == [(0, 768, 0, 1024)]


@pytest.mark.parametrize("shape", [(0, 0), (20, 20), (500, 20), (600, 800)])
def test_constant_and_tiny_pictures_are_one_panel(shape: tuple[int, int]) -> None:
    assert find_panels(np.zeros(shape, np.uint8)) == [(0, shape[0], 0, shape[1])]


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("style", ["overlay", "boxed"])
def test_panels_of_different_scales_give_no_value(style: Style, columns: int) -> None:
    reading = read_scale(figure([(style, "200"), (style, "500")], columns=columns))
    assert reading.status == "uncertain"
    assert reading.nm_per_px is None
    assert "panel" in reading.reason or "another bar" in reading.reason


def test_panels_that_touch_with_different_bars_give_no_value() -> None:
    reading = read_scale(figure([("overlay", "200"), ("overlay", "500")], columns=2, gutter=0))
    assert reading.status == "uncertain"


def test_two_data_bars_side_by_side_give_no_value() -> None:
    reading = read_scale(figure([("jeol", "200"), ("jeol", "500")], columns=2, gutter=0))
    assert reading.status == "uncertain"


@pytest.mark.parametrize("columns", [1, 2])
def test_panels_with_stripes_of_different_scales_give_no_value(columns: int) -> None:
    reading = read_scale(figure([("jeol", "200"), ("jeol", "500")], columns=columns))
    assert reading.nm_per_px is None


def test_the_picture_above_a_stripe_is_no_other_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A white frame between specimen and stripe looks like a gutter."""
    gray = draw("zeiss", number="200", length=120, width=1024, height=768).gray
    top = read_scale(gray).bar_top_px
    assert top is not None
    # A stripe lower than a sixth of the picture is no panel: this one is as tall as Zeiss's old ones.
    stripe = np.vstack([gray[top + 2 :], np.repeat(gray[-1:], 160 - (768 - top), axis=0)])
    framed = np.vstack([specimen(700, 1024, 5), np.full((6, 1024), 255, np.uint8), stripe])
    assert len(find_panels(framed)) > 1
    assert len(find_panels(framed, together=(700 - 6, len(framed)))) == 1
    asked: list[tuple[int, ...]] = []
    whole = scale.read_scale
    monkeypatch.setattr(scale, "read_scale", lambda image, **given: asked.append(image.shape) or whole(image, **given))
    assert read_scale(framed).scale_nm == 200.0
    assert not asked


@pytest.mark.parametrize("columns", [1, 2])
def test_panels_of_one_scale_give_it(columns: int) -> None:
    reading = read_scale(figure([("overlay", "200"), ("overlay", "200")], columns=columns))
    assert reading.status == "read"
    assert reading.scale_nm == 200.0


def test_one_bar_for_all_panels_is_read() -> None:
    lower = draw("overlay", number="200", length=120, width=640, height=480, text_px=24).gray
    gray = np.vstack([specimen(480, 640, 8), np.full((8, 640), 255, np.uint8), lower])
    assert read_scale(gray).scale_nm == 200.0
