"""Marks and places beyond the vendors' stripes: boxes, labels in bars, asterisks, tilt, pale print, merged stripes."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.imaging.scale.bars.segment import Segment, find_segments
from pipeline.imaging.scale.candidates import ScaleCandidate, _labels
from pipeline.imaging.scale.decision.disputes import is_disputed
from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.foreground_pieces import piece_boxes
from pipeline.imaging.scale.labels.value import parse_label
from pipeline.imaging.scale.reading import read_scale
from pipeline.imaging.scale.regions.databar import DataBar, find_data_bar, foreground_and_pieces, neighbourhood
from pipeline.imaging.scale.regions.tilt import find_tilt, straightened, tilted_box
from tests.imaging.scale.scale_drawings import SPOILS, Style, draw, font, specimen, spoil

OVERLAYS: tuple[Style, ...] = ("panel", "boxed", "inside", "bracket", "tescan")


@pytest.mark.parametrize("style", OVERLAYS)
@pytest.mark.parametrize(("number", "unit"), [("200", "nm"), ("5", "um")])
def test_every_mark_is_read_exactly(style: Style, number: str, unit: str) -> None:
    drawing = draw(style, number=number, unit=unit, length=210, text_px=26)
    reading = read_scale(drawing.gray)
    assert reading.status == "read", reading
    assert reading.scale_nm == drawing.scale_nm
    assert reading.bar_length_px == pytest.approx(drawing.length_px, abs=0.6)


@pytest.mark.parametrize("style", ["panel", "boxed"])
def test_the_box_around_a_bar_is_not_taken_for_the_bar(style: Style) -> None:
    for seed in range(4):
        drawing = draw(style, number="20", unit="um", length=120 + 20 * seed, text_px=20 + 3 * seed, seed=seed)
        reading = read_scale(drawing.gray)
        if reading.nm_per_px is not None:
            assert reading.bar_length_px == pytest.approx(drawing.length_px, abs=1)


@pytest.mark.parametrize("spoil_by", SPOILS)
@pytest.mark.parametrize("style", ["zeiss", "jeol", "overlay", "inside"])
def test_what_exports_and_scans_do_leaves_the_value(style: Style, spoil_by: str) -> None:
    how = next(one for one in SPOILS if one == spoil_by)
    drawing = spoil(draw(style, number="100", unit="nm", length=240, text_px=32, width=1280, height=960), how, 3)
    reading = read_scale(drawing.gray)
    assert reading.status == "read", reading
    assert reading.scale_nm == 100
    assert reading.bar_length_px == pytest.approx(drawing.length_px, abs=2)


@pytest.mark.parametrize(("number", "unit"), [("2", "um"), ("20", "nm")])
def test_an_asterisk_is_no_letter(number: str, unit: str) -> None:
    for name in ("DejaVuSans", "DejaVuSans-Bold"):
        drawing = draw("zeiss", number=number, unit=unit, star=True, font_name=name)
        reading = read_scale(drawing.gray)
        assert (reading.status, reading.scale_nm) == ("read", drawing.scale_nm)


def test_a_nanometre_over_many_pixels_is_believed() -> None:
    reading = read_scale(draw("jeol", number="1", unit="nm", length=196).gray)
    assert reading.nm_per_px == pytest.approx(1 / 196, rel=0.005)


def test_a_stripe_that_goes_over_into_a_black_specimen_is_still_cut_off() -> None:
    drawing = draw("jeol_right", length=160, width=1280, height=960)
    top = drawing.stripe_top
    assert top is not None
    gray = drawing.gray.copy()
    gray[top - 400 : top, 500:] = 0
    bar = find_data_bar(gray)
    assert bar is not None
    assert (bar.background, bar.top) == ("stripe", pytest.approx(top, abs=1))
    reading = read_scale(gray)
    assert reading.scale_nm == 200
    assert reading.bar_top_px == bar.top


@pytest.mark.parametrize("degrees", [-2.0, -1.0, 0.5, 1.0])
def test_tilt_is_measured_and_undone(degrees: float) -> None:
    page = np.zeros((400, 900), dtype=np.uint8)
    page[200:206, 300:560] = 255
    tilted = straightened(page, -degrees)
    foreground = (tilted > 128).astype(np.uint8)
    angle = find_tilt(foreground, piece_boxes(foreground))
    assert angle == pytest.approx(degrees, abs=0.15)
    x, y, width, height = tilted_box((300, 200, 260, 6), degrees, page.shape)
    rows, columns = np.nonzero(foreground)
    assert x + width / 2 == pytest.approx(columns.mean(), abs=1)
    assert y + height / 2 == pytest.approx(rows.mean(), abs=1)


def test_straight_print_and_empty_background_have_no_tilt() -> None:
    page = np.zeros((100, 400), dtype=np.uint8)
    assert find_tilt(page, piece_boxes(page)) is None
    page[50:54, 100:300] = 1
    assert find_tilt(page, piece_boxes(page)) is None


@pytest.mark.parametrize("seed", range(6))
def test_bars_without_labels_and_boxes_without_bars_have_no_value(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gray = specimen(480, 640, seed)
    for _ in range(12):
        x, y = int(rng.integers(0, 560)), int(rng.integers(380, 470))
        gray[y : y + int(rng.integers(2, 30)), x : x + int(rng.integers(20, 200))] = int(rng.choice([0, 255]))
    assert read_scale(gray).nm_per_px is None


def test_a_thin_line_covered_in_part_at_the_regions_edge_is_measured_inside_it() -> None:
    foreground = np.zeros((30, 300), dtype=np.uint8)
    foreground[26:28, 40:160] = 1
    foreground[28, 40:100] = 1  # the blurred edge
    foreground[20:30, 40:42] = foreground[20:30, 158:160] = 1
    segments = find_segments(foreground, DataBar(0, 30, 0, 300, "stripe", 255))
    assert [segment.length_px for segment in segments if segment.kind == "ticked"] == [118]
    assert all(segment.box[1] + segment.box[3] <= 30 for segment in segments)


@pytest.mark.parametrize("degrees", [-1.5, -0.6, 0.8, 2.0])
def test_the_tilt_of_a_ruler_is_measured_by_its_marks(degrees: float) -> None:
    page = np.zeros((300, 700), dtype=np.uint8)
    for mark in range(11):
        page[140:156, 100 + 45 * mark : 103 + 45 * mark] = 255
    foreground = (straightened(page, -degrees) > 128).astype(np.uint8)
    assert find_tilt(foreground, piece_boxes(foreground)) == pytest.approx(degrees, abs=0.15)


def test_a_wedge_is_less_than_a_stroke_that_is_turned() -> None:
    page = np.zeros((200, 700), dtype=np.uint8)
    page[100:106, 300:520] = 255
    tilted = straightened(page, -1.0)
    rows = np.arange(200)[:, None]
    tilted[rows < 8 - 0.04 * np.arange(700)[None]] = 255  # what a tilted stripe leaves of the specimen: 2.3 degrees
    foreground = (tilted > 128).astype(np.uint8)
    assert find_tilt(foreground, piece_boxes(foreground)) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("style", ["panel", "boxed"])
def test_a_bar_that_nearly_fills_its_box_is_read(style: Style) -> None:
    drawing = draw(style, number="5", unit="nm", length=145, text_px=12, width=512, height=384)
    assert read_scale(drawing.gray).scale_nm == 5


@pytest.mark.parametrize("pale", [140, 170, 210])
@pytest.mark.parametrize("text", [".5 nm", "2.5 nm", "50.0um"])
def test_a_number_that_may_have_lost_its_point_is_not_believed(text: str, pale: int) -> None:
    """The letters are white; the point is nearer to them than to the ground, and too pale for their mask."""
    gray = Image.fromarray(specimen(768, 1024, 7) // 2)
    letters, x = font(28), 700.0
    pen = ImageDraw.Draw(gray)
    pen.rectangle((640, 640, 859, 647), fill=255)
    for character in text:
        pen.text((round(x), 660), character, fill=pale if character == "." else 255, font=letters)
        x += letters.getlength(character)
    reading = read_scale(np.asarray(gray, dtype=np.uint8))
    stated = float(text[:-2]) * (1000 if text.endswith("um") else 1)
    assert reading.nm_per_px is None or reading.scale_nm == stated, reading


@pytest.mark.parametrize(
    ("number", "others"), [("25 nm", "2 5 nm"), ("25 nm", "2.5nm"), ("5 nm", ". 5nm"), ("5 nm", ".5 nm")]
)
def test_another_crop_that_shows_a_point_or_its_gap_disputes(number: str, others: str) -> None:
    one, other = (_candidate(text) for text in (number, others))
    assert is_disputed(one, [other])
    assert not is_disputed(one, [_candidate(number), _candidate("nm"), _candidate("1 5 nm")])


def test_the_margin_of_a_1_is_no_gap() -> None:
    assert not is_disputed(_candidate("100 nm"), [_candidate("1 00 nm")])


def _candidate(text: str) -> ScaleCandidate:
    on_picture = DataBar(0, 100, 0, 400, "picture", 255, 4)
    segment = Segment("solid", (10, 10, 100, 5), 100.0, (10, 10, 100, 5))
    return ScaleCandidate(on_picture, segment, reading=LabelReading(text, parse_label(text), True, 0.6, ""))


@pytest.mark.parametrize("font_name", ["cmr10", "DejaVuSans"])
@pytest.mark.parametrize("number", ["1", "2"])
def test_a_short_label_in_a_long_bar_is_read(number: str, font_name: str) -> None:
    drawing = draw("inside", number=number, length=600, width=2048, height=1536, text_px=37, font_name=font_name)
    reading = read_scale(drawing.gray)
    assert (reading.status, reading.scale_nm) == ("read", drawing.scale_nm)
    assert reading.bar_length_px == pytest.approx(600, abs=1)


ON_GRAY = DataBar(315, 384, 0, 512, "picture", 0, 4)


def bar_behind_letters(columns: range) -> np.ndarray:
    """A black bar of 38 px on gray, and blocks for letters to the left of it."""
    gray = np.full((384, 512), 120, np.uint8)
    gray[333:335, 293:331] = 0
    for x in columns:
        gray[326:342, x : x + 10] = 0
    return gray


def test_a_text_that_the_window_around_a_bar_cuts_is_no_label() -> None:
    gray, region = bar_behind_letters(range(152, 275, 15)), ON_GRAY
    foreground, pieces = foreground_and_pieces(gray, region)
    (segment,) = [one for one in find_segments(foreground, region) if one.kind == "line"]
    assert neighbourhood(gray, region, segment.box)[0].left == 217
    places = [label.box[0] for _, _, label in _labels(gray, region, foreground, pieces, segment)]
    assert 217 not in places


def test_a_stroke_beyond_the_window_makes_half_a_bar() -> None:
    gray, region = bar_behind_letters(range(232, 284, 15)), ON_GRAY
    labels = []
    for left in (None, 184):  # a bar of its own; one whose other half is to the left of the label
        if left is not None:
            gray[333:335, left:212] = 0
        foreground, pieces = foreground_and_pieces(gray, region)
        segment = next(one for one in find_segments(foreground, region) if one.box[0] == 293)
        labels.append([label.place for _, _, label in _labels(gray, region, foreground, pieces, segment)])
    assert set(labels[0]) == {"left"}
    assert labels[1] == []
