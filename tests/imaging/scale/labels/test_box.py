"""Where a segment's label is."""

import numpy as np
import pytest

from pipeline.imaging.scale.bars.segment import Segment
from pipeline.imaging.scale.foreground_pieces import piece_boxes
from pipeline.imaging.scale.labels.box import _erased, _without_segment, find_label_boxes, text_boxes
from pipeline.imaging.scale.regions.databar import DataBar

BAR = DataBar(100, 200, 0, 600, "stripe", 0)
LINE = (200, 150, 120, 4)
SOLID = Segment("solid", LINE, 120.0, LINE)


def with_text(*places: tuple[int, int]) -> np.ndarray:
    """An foreground mask of the bar with three letters of 10 x 20 px at each place (in pixels of the picture)."""
    foreground = np.zeros((100, 600), dtype=np.uint8)
    foreground[50:54, 200:320] = 1
    for x, y in places:
        for letter in range(3):
            foreground[y - 100 : y - 80, x + 14 * letter : x + 14 * letter + 10] = 1
    return foreground


@pytest.mark.parametrize(
    ("x", "y", "place"),
    [(230, 120, "above"), (230, 165, "below"), (340, 142, "right"), (140, 142, "left"), (150, 165, "below")],
)
def test_a_text_next_to_the_segment_is_found(x: int, y: int, place: str) -> None:
    label = find_label_boxes(with_text((x, y)), BAR, SOLID)[0]
    assert label.box == (x, y, 38, 20)
    assert label.place == place


@pytest.mark.parametrize(("x", "y"), [(20, 120), (500, 142), (400, 165)])
def test_a_text_far_away_is_none_of_its(x: int, y: int) -> None:
    assert find_label_boxes(with_text((x, y)), BAR, SOLID) == []


def test_the_nearest_comes_first() -> None:
    labels = find_label_boxes(with_text((230, 104), (230, 160)), BAR, SOLID)
    assert [label.place for label in labels] == ["below", "above"]
    assert labels[0].distance < labels[1].distance


def test_the_label_of_a_broken_line_is_in_its_gap() -> None:
    foreground = with_text((340, 142))
    foreground[50:54, 420:540] = 1
    line = (200, 150, 340, 4)
    broken = Segment("broken", line, 338.0, line, gap=(320, 419))
    labels = find_label_boxes(foreground, BAR, broken)
    assert [(label.box, label.place, label.distance) for label in labels] == [((340, 142, 38, 20), "gap", 0.0)]


def test_letters_are_grouped_by_their_gaps() -> None:
    foreground = with_text((20, 120), (20 + 38 + 20, 120), (20 + 96 + 40, 120))
    foreground[50:54] = 0
    assert text_boxes(foreground) == [(20, 20, 96, 20), (156, 20, 38, 20)]


def test_text_too_small_to_be_read_is_left_out() -> None:
    foreground = np.zeros((100, 600), dtype=np.uint8)
    foreground[40:46, 230:260:4] = 1
    assert find_label_boxes(foreground, BAR, SOLID) == []


def test_no_foreground_no_text() -> None:
    assert text_boxes(np.zeros((100, 600), dtype=np.uint8)) == []


@pytest.mark.parametrize("seed", range(8))
def test_the_pieces_without_the_segment_are_those_of_the_foreground_without_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    foreground = (rng.random((100, 600)) < rng.choice([0.02, 0.1, 0.3])).astype(np.uint8)
    foreground[50:54, 200:320] = 1
    foreground[44:60, [200, 201, 318, 319]] = 1
    segment = (Segment("ticked", (200, 144, 120, 16), 118.0, LINE), SOLID)[seed % 2]
    erased = foreground.copy()
    for left, top, right, bottom in _erased(segment, BAR):
        erased[top:bottom, left:right] = 0
    found = _without_segment(foreground, piece_boxes(foreground), _erased(segment, BAR))
    assert sorted(found.tolist()) == sorted(piece_boxes(erased).tolist())


def test_no_piece_at_the_segment_leaves_all_as_they_are() -> None:
    pieces = np.array([[5, 5, 10, 10, 100]], np.int32)
    assert _without_segment(np.zeros((100, 600), np.uint8), pieces, _erased(SOLID, BAR)) is pieces


@pytest.mark.parametrize("place", ["right", "left"])
def test_a_stroke_that_goes_on_behind_its_label_is_half_a_bar(place: str) -> None:
    x = 335 if place == "right" else 145
    foreground = with_text((x, 142))
    assert [label.place for label in find_label_boxes(foreground, BAR, SOLID)] == [place]
    beyond = slice(410, 520) if place == "right" else slice(10, 115)
    foreground[50:54, beyond] = 1
    assert find_label_boxes(foreground, BAR, SOLID) == []
