"""Print on grounds of many kinds: smooth specimens that look like stripes, plain ones, coloured print beside gray."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.imaging.scale.bars.segment import Segment, with_exact_length
from pipeline.imaging.scale.candidates import Print, ScaleCandidate
from pipeline.imaging.scale.decision.coloured import _is_paler, with_colour
from pipeline.imaging.scale.decision.disputes import is_certain, is_cut_off, is_disputed
from pipeline.imaging.scale.decision.label_rules import weighed
from pipeline.imaging.scale.evidence.label import LabelReading, read_label
from pipeline.imaging.scale.labels.box import LabelBox, Place, find_label_boxes
from pipeline.imaging.scale.labels.hidden_print import has_plain_ground
from pipeline.imaging.scale.labels.value import parse_label
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.recognition.text import TextCandidate
from pipeline.imaging.scale.regions.databar import DataBar, find_data_bar, may_be_specimen
from tests.imaging.scale.scale_drawings import draw

PICTURE = DataBar(0, 100, 0, 400, "picture", 255, 4)
BAR = Segment("solid", (100, 60, 120, 4), 120.0, (100, 60, 120, 4))


def _candidate(text: str, box: tuple[int, int, int, int], *, plain: bool = True) -> ScaleCandidate:
    reading = LabelReading(text, parse_label(text), True, 0.99, "")
    label = LabelBox(box, "below", 0.5)
    return ScaleCandidate(PICTURE, BAR, label, reading, on_plain_ground=plain)


def test_the_end_of_a_label_on_plain_ground_disputes_nothing() -> None:
    whole, end = _candidate("0.5 um", (130, 70, 60, 14)), _candidate("5um", (146, 70, 44, 14))
    assert is_cut_off(end, whole)
    assert not is_disputed(whole, [end])
    assert is_disputed(end, [whole])


def test_the_same_text_is_no_end_of_a_label() -> None:
    """Else the whole of a broken bar gives way to its half."""
    whole = _candidate("10 nm", (130, 70, 60, 14))
    assert not is_cut_off(_candidate("10nm", (146, 70, 44, 14)), whole)


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("\N{EN DASH} 0.5 um", "left", False),
        ("0.5 um", "left", True),
        ("0.5 um -", "right", False),
        ("- 0.5 um", "right", True),
        ("- 0.5 um", "below", True),
    ],
)
def test_a_dash_behind_a_label_is_the_other_half_of_a_bar(text: str, place: Place, expected: bool) -> None:
    candidate = _candidate(text, (130, 70, 60, 14))
    assert candidate.label is not None
    assert is_certain(replace(candidate, label=replace(candidate.label, place=place)), 1024) == expected


@pytest.mark.parametrize(
    ("other", "whole"),
    [
        (_candidate("5um", (146, 70, 44, 14)), _candidate("0.5 um", (130, 70, 60, 14), plain=False)),
        (_candidate("7um", (146, 70, 44, 14)), _candidate("0.5 um", (130, 70, 60, 14))),
        (_candidate("5um", (130, 70, 60, 14)), _candidate("0.5 um", (130, 70, 60, 14))),
    ],
)
def test_on_a_specimen_or_of_another_number_it_does(other: ScaleCandidate, whole: ScaleCandidate) -> None:
    assert not is_cut_off(other, whole)
    assert is_disputed(whole, [other])


@pytest.mark.parametrize(
    ("other", "x", "expected"),
    [("250 u", 116, True), ("250 u", 129, False), ("300 u", 116, False), ("50 u", 116, False), ("1.50", 116, True)],
    ids=["a digit before", "no further left", "another number", "the same number", "a digit and a point before"],
)
def test_a_crop_that_begins_further_left_shows_a_digit_more(other: str, x: int, expected: bool) -> None:
    end = _candidate("50 um", (130, 70, 44, 14), plain=False)
    assert end.reading is not None
    shown, end = end, replace(end, reading=replace(end.reading, on_readers_alone=True))
    wider = _candidate(other, (x, 70, 174 - x, 14), plain=False)
    assert wider.nm_per_px is None
    assert is_disputed(end, [wider]) == expected
    assert not is_disputed(replace(end, on_plain_ground=True), [wider])
    assert not is_disputed(shown, [wider])
    elsewhere = replace(BAR, box=(100, 20, 120, 4))
    assert not is_disputed(end, [replace(wider, segment=elsewhere)])


def test_ground_is_plain_where_nothing_but_print_stands_out() -> None:
    gray = np.random.default_rng(1).normal(90, 6, (60, 120)).astype(np.uint8)
    foreground = np.zeros((14, 40), np.uint8)
    foreground[2:12, 4:36:6] = 1
    gray[20:34, 30:70][foreground > 0] = 255
    assert has_plain_ground(gray, (30, 20, 40, 14), foreground, 255)
    gray[14:30, 20:34] = 200
    assert not has_plain_ground(gray, (30, 20, 40, 14), foreground, 255)


def test_a_smooth_specimen_that_looks_like_a_stripe_may_be_specimen() -> None:
    rng = np.random.default_rng(2)
    gray = rng.normal(60, 3, (200, 300)).round().astype(np.uint8)
    assert may_be_specimen(gray, DataBar(150, 200, 0, 300, "stripe", 60))
    drawing = draw("zeiss", number="200", unit="nm", length=150, text_px=20)
    bar = find_data_bar(drawing.gray)
    assert bar is not None
    assert bar.is_stripe
    assert not may_be_specimen(drawing.gray, bar)


def _bar(level_at_ends: int) -> NDArray[np.uint8]:
    """A bar of level 225, 60 to 260, of which a coder has changed the last ten columns on each side."""
    gray = np.full((60, 320), 20, np.uint8)
    gray[30:34, 60:260] = 225
    gray[30:34, 60:70] = gray[30:34, 250:260] = level_at_ends
    return gray


def test_a_bar_is_measured_to_its_ends_where_its_mask_ends_sooner() -> None:
    masked = Segment("solid", (70, 30, 180, 4), 180.0, (70, 30, 180, 4))
    found = with_exact_length(_bar(215), masked)
    assert found.length_px == pytest.approx(200, abs=0.2)
    assert found.box == (60, 30, 200, 4)


def test_a_bright_specimen_beside_a_bar_is_none_of_it() -> None:
    gray = _bar(225)
    gray[20:44, 260:300] = 230
    whole = Segment("solid", (60, 30, 200, 4), 200.0, (60, 30, 200, 4))
    assert with_exact_length(gray, whole).box == whole.box


def test_a_stroke_within_a_text_has_no_label_beside_it() -> None:
    foreground = np.zeros((60, 300), np.uint8)
    for x in (100, 115, 130):
        foreground[20:40, x : x + 10] = 1
    foreground[20:40, 145:149] = foreground[20:40, 171:175] = foreground[29:31, 145:175] = 1  # the H of a word
    inside = Segment("ticked", (145, 20, 30, 20), 26.0, (145, 29, 30, 2))
    region = DataBar(0, 60, 0, 300, "stripe", 255)
    assert all(label.box[0] + label.box[2] <= 148 for label in find_label_boxes(foreground, region, inside))


def test_thin_coloured_lines_may_be_paler_where_ticks_tell_their_ends() -> None:
    label, line = np.full((20, 60), 200, np.uint8), np.full((2, 150), 90, np.uint8)
    assert _is_paler(line, label, has_ticks=False)
    assert not _is_paler(line, label, has_ticks=True)
    assert _is_paler(np.full((9, 150), 90, np.uint8), label, has_ticks=True)
    # The edge rows of a thick bar are pale, its middle is not.
    assert not _is_paler(np.array([[60], [210], [60]], np.uint8).repeat(99, axis=1), label, has_ticks=False)


def test_gray_print_is_doubted_where_its_colour_says_something_else() -> None:
    drawing = draw("overlay", number="200", unit="nm", length=180, text_px=28)
    accepted = replace(_candidate("20 nm", (130, 70, 60, 14)), segment=BAR)
    print_alone = np.where(drawing.gray == drawing.gray.max(), 255, 0).astype(np.uint8)
    found, seen = with_colour(accepted, [], print_alone, drawing.gray, LabelMemory())
    assert found is None
    assert "in its colour alone" in seen[0].reading.reason  # type: ignore[union-attr]


class _Says:
    def __init__(self, text: str, confidence: float) -> None:
        self._candidate = TextCandidate(text, confidence)

    def read(self, crop: NDArray[np.uint8]) -> list[TextCandidate]:
        return [self._candidate]


def test_of_two_readers_who_differ_by_a_point_the_one_who_saw_it_is_heard() -> None:
    crop = np.full((30, 80), 255, np.uint8)
    found = read_label(crop, _Says("25um", 0.99), quick_readers=[_Says("2.5um", 0.6), _Says("35um", 0.3)])
    assert not found.is_certain
    assert found.text == "2.5um"


@pytest.mark.parametrize(
    ("text", "confidence", "alone", "is_certain"),
    [
        ("0.5mm", 0.87, True, False),
        ("0.5mm", 0.97, True, True),
        ("0.5mm", 0.87, False, True),
        ("0.5nm", 0.87, True, True),
    ],
)
def test_an_mm_on_a_specimen_needs_sure_readers_or_the_shapes(
    text: str, confidence: float, alone: bool, is_certain: bool
) -> None:
    gray = np.full((40, 120), 60, np.uint8)
    reading = LabelReading(text, parse_label(text), True, confidence, "", on_readers_alone=alone)
    label = LabelBox((40, 10, 60, 16), "below", 0.5)
    printed = Print(gray, label, np.zeros((16, 60), np.uint8), 255, BAR, is_told_by_level=True)
    held = weighed(ScaleCandidate(PICTURE, BAR, label, reading, printed=printed))
    assert held.reading is not None
    assert held.reading.is_certain == is_certain
    assert (held.rule == "no n taken for an m") == (not is_certain)
    assert held.printed is None


@pytest.mark.parametrize("mirrored", [False, True])
def test_bright_specimen_at_a_bars_end_does_not_lengthen_it(mirrored: bool) -> None:
    """It falls off over some pixels, as a blurred edge does."""
    gray = np.full((100, 400), 75, np.uint8)
    gray[40:80, 220:226] = (200, 190, 175, 150, 120, 90)
    gray[60:64, 100:220] = 255
    gray = np.ascontiguousarray(gray[:, ::-1]) if mirrored else gray
    box = (180 if mirrored else 100, 60, 120, 4)
    measured = with_exact_length(gray, Segment("solid", box, 120.0, box))
    assert measured.length_px == pytest.approx(120.0, abs=0.5)


def test_a_blurred_bar_is_longer_than_its_mask() -> None:
    gray = np.full((100, 400), 75, np.uint8)
    gray[60:64, 97:223] = 170
    gray[60:64, 100:220] = 255
    box = (100, 60, 120, 4)
    assert with_exact_length(gray, Segment("solid", box, 120.0, box)).length_px == pytest.approx(126.0, abs=1.0)
