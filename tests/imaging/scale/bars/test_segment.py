"""The scale segment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.imaging.scale.bars.segment import Segment, find_segments, is_frame_side, is_outline, with_exact_length
from pipeline.imaging.scale.regions.databar import DataBar

WIDTH, HEIGHT = 400, 60
BAR = DataBar(0, HEIGHT, 0, WIDTH, "stripe", 255)


def blank() -> np.ndarray:
    return np.zeros((HEIGHT, WIDTH), dtype=np.uint8)


def only(foreground: np.ndarray) -> Segment:
    found = find_segments(foreground, BAR)
    assert len(found) == 1, found
    return found[0]


def test_a_line_with_end_ticks_is_as_long_as_its_ticks_are_apart() -> None:
    foreground = blank()
    foreground[30:32, 50:152] = 1
    for x in (50, 150):
        foreground[20:42, x : x + 2] = 1
    segment = only(foreground)
    assert segment.kind == "ticked"
    assert segment.length_px == 100  # outer width 102 less one tick width
    assert segment.box == (50, 20, 102, 22)


@pytest.mark.parametrize("width", range(25, 45))
def test_a_solid_bar_of_any_width_is_its_outer_width(width: int) -> None:
    foreground = blank()
    foreground[10:16, 200 : 200 + width] = 1
    segment = only(foreground)
    assert (segment.kind, segment.length_px, segment.box) == ("solid", width, (200, 10, width, 6))


def test_a_bar_whose_blurred_edge_is_covered_in_places() -> None:
    """As a picture set straight has it; what goes on for more than a row is another thing."""
    foreground = blank()
    foreground[20:26, 100:250] = 1
    for x in (120, 160, 200):
        foreground[19, x : x + 15] = 1
    segment = only(foreground)
    assert (segment.kind, segment.length_px, segment.box) == ("solid", 150, (100, 20, 150, 6))
    foreground[18, 165:170] = 1
    assert find_segments(foreground, BAR) == []


def test_a_line_broken_by_its_label() -> None:
    foreground = blank()
    foreground[29:32, 40:120] = 1
    foreground[29:32, 220:303] = 1
    for x in (40, 300):
        foreground[25:36, x : x + 3] = 1
    segment = only(foreground)
    assert segment.kind == "broken"
    assert segment.length_px == 260
    assert segment.gap == (120, 219)


def ruler(missing: tuple[int, ...] = (), ticks: int = 11) -> np.ndarray:
    foreground = blank()
    for tick in range(ticks):
        if tick not in missing:
            foreground[20:36, 30 + 30 * tick : 33 + 30 * tick] = 1
    return foreground


@pytest.mark.parametrize("missing", [(), (4,), (2, 5, 6)])
def test_a_ruler_spans_from_its_first_to_its_last_tick(missing: tuple[int, ...]) -> None:
    segment = only(ruler(missing))
    assert (segment.kind, segment.length_px) == ("ruler", 300)


@pytest.mark.parametrize("missing", [(0,), (10,), (0, 1)])
def test_a_ruler_that_lost_an_end_says_nothing(missing: tuple[int, ...]) -> None:
    assert find_segments(ruler(missing), BAR) == []


def test_a_ruler_of_blurred_marks() -> None:
    foreground = blank()
    for tick in range(11):
        foreground[20:36, 30 + 30 * tick : 33 + 30 * tick] = 1
        foreground[20:23, 33 + 30 * tick] = 1
    segment = only(foreground)
    assert (segment.kind, segment.length_px) == ("ruler", 300)
    foreground[20:36:3] = 0
    assert find_segments(foreground, BAR) == []


@pytest.mark.parametrize("ticks", [9, 10, 12])
def test_other_rows_of_marks_are_no_ruler(ticks: int) -> None:
    assert find_segments(ruler(ticks=ticks), BAR) == []


def test_boxes_grids_dividers_and_letters_are_no_segments() -> None:
    foreground = blank()
    foreground[10:40, 20:60] = 1  # a logo
    foreground[10:12, 100:140] = foreground[38:40, 100:140] = 1  # a box
    foreground[10:40, 100:102] = foreground[10:40, 138:140] = 1
    foreground[30, 200:390] = 1  # a divider of one pixel
    foreground[5:20, 300:312] = 1  # a letter
    assert find_segments(foreground, BAR) == []


@pytest.mark.parametrize("neighbour", [80, 110])
def test_the_letter_h_of_a_word_is_no_segment(neighbour: int) -> None:
    foreground = blank()
    foreground[28:31, 84:109] = 1
    foreground[20:38, 84:87] = foreground[20:38, 106:109] = 1
    assert only(foreground).kind == "ticked"  # alone, nothing tells it from a short bar
    foreground[20:38, neighbour : neighbour + 2] = 1
    assert find_segments(foreground, BAR) == []


def test_pieces_of_a_tilted_bar_are_no_segments() -> None:
    foreground = blank()
    for x in range(100, 320):
        y = 20 + (x - 100) // 25
        foreground[y : y + 6, x] = 1
    assert find_segments(foreground, BAR) == []


@given(st.integers(0, 250), st.integers(0, 25), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_moving_a_segment_moves_the_answer(dx: int, dy: int, tick: int) -> None:
    foreground = blank()
    foreground[dy + 12 : dy + 14, dx + 2 : dx + 102 + tick] = 1
    for x in (dx + 2, dx + 102):
        foreground[dy + 4 : dy + 22, x : x + tick] = 1
    segment = only(foreground)
    assert segment.length_px == 100
    assert segment.box == (dx + 2, dy + 4, 100 + tick, 18)


def test_an_empty_mask_has_none() -> None:
    assert find_segments(blank(), BAR) == []


@pytest.mark.parametrize(("left", "right"), [(0.0, 0.0), (0.3, 0.6), (0.7, 0.2)])
def test_a_blurred_solid_bar_is_measured_between_half_levels(left: float, right: float) -> None:
    gray = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    gray[20:28, 100:200] = 240
    gray[20:28, 99] = round(240 * left)
    gray[20:28, 200] = round(240 * right)
    box = (99, 20, 102, 8)
    segment = with_exact_length(gray, Segment("solid", box, 102.0, box))
    assert segment.length_px == pytest.approx(100 + left + right, abs=0.5)


def test_a_bright_speck_beside_a_bar_is_none_of_its() -> None:
    gray = np.full((HEIGHT, WIDTH), 130, dtype=np.uint8)
    gray[20:28, 100:200] = 230
    gray[22:26, 97], gray[22:26, 203] = 255, 255
    segment = with_exact_length(gray, Segment("solid", (100, 20, 100, 8), 100.0, (100, 20, 100, 8)))
    assert segment.length_px == pytest.approx(100, abs=0.2)


def test_a_ticked_segment_is_left_as_it_is() -> None:
    box = (99, 20, 102, 8)
    segment = Segment("ticked", box, 100.0, box)
    assert with_exact_length(np.zeros((HEIGHT, WIDTH), dtype=np.uint8), segment) is segment


def test_the_background_between_the_ticks_of_a_bracket_is_no_bar() -> None:
    foreground = np.ones((40, 300), dtype=np.uint8)
    foreground[10:30, [40, 41, 200, 201]] = 0  # ticks
    foreground[12:20, 42:200] = 0  # the line and what is cut off above it
    foreground[24:, 42:200] = 0
    bar = DataBar(0, 40, 0, 300, "picture", 255, 30)
    assert [s for s in find_segments(foreground, bar) if s.kind in ("solid", "line")] == []


def test_two_brackets_back_to_back_are_the_outline_of_a_bar() -> None:
    foreground = blank()
    for row, ticks in ((10, slice(2, 10)), (18, slice(19, 27))):
        foreground[row, 50:150] = 1
        foreground[ticks, [50, 149]] = 1
    assert [s for s in find_segments(foreground, BAR) if s.kind == "ticked"] == []


def test_two_equal_strokes_below_each_other_are_the_sides_of_a_block() -> None:
    foreground = blank()
    foreground[5:9, 50:250], foreground[30:34, 50:250] = 1, 1
    assert find_segments(foreground, BAR) == []
    foreground[30:34, 50:250] = 0
    assert [s.kind for s in find_segments(foreground, BAR)] == ["solid"]


def test_a_block_that_the_regions_edge_cuts_is_no_bar() -> None:
    foreground = np.zeros((60, 400), dtype=np.uint8)
    foreground[0:30, 50:250] = 1
    foreground[10:20, 120:126], foreground[10:20, 140:146] = 0, 0
    assert [s for s in find_segments(foreground, BAR) if s.kind == "inside"] == []


@pytest.mark.parametrize(("above", "below", "side"), [(255, None, True), (None, 255, True), (None, None, False)])
def test_a_stroke_between_background_and_specimen_is_the_side_of_a_frame(
    above: int | None, below: int | None, side: bool
) -> None:
    gray = np.random.default_rng(2).integers(60, 150, (80, 300), dtype=np.uint8)
    for part, level in ((slice(0, 40), above), (slice(46, 80), below)):
        if level is not None:
            gray[part, 40:260] = level
    gray[40:46, 50:250] = 0
    box = (50, 40, 200, 6)
    assert is_frame_side(gray, Segment("solid", box, 200.0, box)) is side


def test_a_bar_with_a_thin_shadow_is_no_frame() -> None:
    gray = np.random.default_rng(2).integers(60, 150, (80, 300), dtype=np.uint8)
    gray[40:46, 50:250], gray[46:48, 52:252] = 255, 0
    assert not is_frame_side(gray, Segment("solid", (50, 40, 200, 6), 200.0, (50, 40, 200, 6)))


def test_two_brackets_one_within_the_other_are_the_outline_of_a_bar() -> None:
    foreground = blank()
    for grow in (0, 3):
        left, right, bottom = 50 - grow, 149 + grow, 30 + grow
        foreground[bottom, left : right + 1] = 1
        foreground[20:bottom, [left, right]] = 1
    assert [s for s in find_segments(foreground, BAR) if s.kind == "ticked"] == []


def test_the_margin_of_a_block_beside_a_thin_bar_is_the_side_of_a_frame() -> None:
    gray = np.random.default_rng(2).integers(60, 150, (90, 300), dtype=np.uint8)
    gray[20:60, 50:250] = 255
    gray[48:50, 58:242] = 150  # the bar, and below it the block's margin
    margin = Segment("solid", (50, 50, 200, 10), 200.0, (50, 50, 200, 10))
    assert is_frame_side(gray, margin)
    gray[20:48, 50:250] = np.random.default_rng(3).integers(60, 150, (28, 200), dtype=np.uint8)
    assert not is_frame_side(gray, margin)


def outlined(*, thickness: int) -> tuple[np.ndarray, Segment]:
    """A light bar in a black outline, and the outline's upper side as a segment."""
    gray = np.random.default_rng(5).integers(90, 160, (80, 300), dtype=np.uint8)
    gray[39 : 41 + thickness, 49:251] = 0
    gray[40 : 40 + thickness, 50:250] = 225
    return gray, Segment("line", (49, 39, 202, 1), 202.0, (49, 39, 202, 1))


@pytest.mark.parametrize("thickness", [1, 3, 8])
def test_the_side_of_an_outline_is_no_bar(thickness: int) -> None:
    gray, side = outlined(thickness=thickness)
    assert is_outline(gray, side, 0)
    lower = (49, 40 + thickness, 202, 1)
    assert is_outline(gray, Segment("line", lower, 202.0, lower), 0)
    inside = (50, 40, 200, thickness)
    assert not is_outline(gray, Segment("line", inside, 200.0, inside), 225)


def test_a_bar_along_the_border_of_its_box_is_no_outline() -> None:
    gray, side = outlined(thickness=6)
    gray[46, 20:280] = 0  # the border goes on where the bar ends
    assert not is_outline(gray, side, 0)
    gray, side = outlined(thickness=20)
    assert not is_outline(gray, side, 0)
    gray[side.line_box[1] + 1 :] = np.random.default_rng(6).integers(90, 160, (40, 300), dtype=np.uint8)
    assert not is_outline(gray, side, 0)
