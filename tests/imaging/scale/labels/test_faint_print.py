"""The second crop of a label on a specimen, with its thin strokes."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

import pipeline.imaging.scale.evidence.label as label_evidence
from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.labels.faint_print import faint_crop, read_both
from pipeline.imaging.scale.labels.value import parse_label
from pipeline.imaging.scale.reading import read_scale
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.recognition.shape import ShapeVerdict, Verdict
from pipeline.imaging.scale.recognition.text import PAD_PX, TextCandidate, text_crop
from tests.imaging.scale.scale_drawings import draw, font, specimen, spoil

BOX = (20, 20, 60, 16)


FIRST = np.full((BOX[3] + 2 * PAD_PX, BOX[2] + 2 * PAD_PX), 255, dtype=np.uint8)

Answer = tuple[str, float]


class TwoTexts:
    """A reader that sees one text in the first crop, another one in the second, and counts how often it was asked."""

    def __init__(self, first: Answer, second: Answer) -> None:
        self.first, self.second, self.asked = first, second, 0

    def read(self, crop: np.ndarray) -> list[TextCandidate]:
        self.asked += 1
        text, confidence = self.first if crop.shape == FIRST.shape else self.second
        return [TextCandidate(text, confidence)] if text else []


class Readers:
    """Two quick readers and a slow one, given by what each sees in the two crops."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def shapes(self, *, first: Verdict, second: Verdict, on_point: bool = False) -> None:
        def verdict(crop: np.ndarray, *_: object) -> ShapeVerdict:
            seen = first if crop.shape == FIRST.shape else second
            return ShapeVerdict(seen, f"shapes: {seen}", on_point and seen == "contradicts")

        self.monkeypatch.setattr(label_evidence, "check_shapes", verdict)

    def read(
        self, one: tuple[Answer, Answer], other: tuple[Answer, Answer], slow: TwoTexts, *, held: str = ""
    ) -> tuple[LabelReading, list[LabelReading]]:
        quick = (TwoTexts(*one), TwoTexts(*other))
        self.monkeypatch.setattr("pipeline.imaging.scale.recognition.memory.label_net_readers", lambda: quick)
        self.monkeypatch.setattr("pipeline.imaging.scale.recognition.memory.network_reader", lambda: slow)
        gray, foreground = label_on_specimen(255)
        memory = LabelMemory()
        memory.held = parse_label(held)
        asked, reading = read_both(gray, BOX, foreground, FIRST, memory)
        assert all(crop in memory.used or memory.held for crop, _ in asked)
        return reading, [one for _, one in asked]


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> Readers:
    return Readers(monkeypatch)


def label_on_specimen(level: int, *, text: str = "20 nm", foreground_from: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Letters of one level on texture, and the foreground right of a column of their box."""
    gray = Image.fromarray(specimen(60, 120, 3) // 2)
    mask = Image.new("L", gray.size, 0)
    for page, fill in ((gray, level), (mask, 255)):
        ImageDraw.Draw(page).text((BOX[0], BOX[1]), text, fill=fill, font=font(20), anchor="lt")
    x, y, width, height = BOX
    foreground = (np.asarray(mask)[y : y + height, x : x + width] > 128).astype(np.uint8)
    foreground[:, :foreground_from] = 0
    return np.asarray(gray, dtype=np.uint8).copy(), foreground


@pytest.mark.parametrize("inverted", [False, True])
def test_strokes_that_the_foreground_lacks_are_shown(inverted: bool) -> None:
    gray, foreground = label_on_specimen(255, foreground_from=14)
    gray = np.asarray(255 - gray, dtype=np.uint8) if inverted else gray
    hidden = text_crop(gray, BOX, foreground, fringe_px=1)[PAD_PX:-PAD_PX, PAD_PX : PAD_PX + 10]
    shown = faint_crop(gray, BOX, foreground)[PAD_PX + 1 : -PAD_PX - 1, PAD_PX + 1 : PAD_PX + 11]
    assert hidden.min() == 255
    assert shown.min() < 30
    assert np.median(shown) > 200  # the ground is nearly white


def test_the_crop_has_a_pixel_more_on_each_side_that_the_picture_has() -> None:
    gray, foreground = label_on_specimen(255)
    assert faint_crop(gray, BOX, foreground).shape == (BOX[3] + 2 + 2 * PAD_PX, BOX[2] + 2 + 2 * PAD_PX)
    corner = np.ascontiguousarray(gray[BOX[1] : BOX[1] + BOX[3], BOX[0] : BOX[0] + BOX[2]])
    assert faint_crop(corner, (0, 0, BOX[2], BOX[3]), foreground).shape == (BOX[3] + 2 * PAD_PX, BOX[2] + 2 * PAD_PX)


def test_without_foreground_or_ground_the_crop_is_white() -> None:
    gray, foreground = label_on_specimen(255)
    assert faint_crop(gray, BOX, np.zeros_like(foreground)).min() == 255
    solid = np.full((16, 60), 255, np.uint8)
    assert faint_crop(solid, (0, 0, 60, 16), np.ones((16, 60), np.uint8)).min() == 255


def one_reader(text: str, second: str, *, sure: float = 0.6) -> tuple[LabelReading, int]:
    """A label as a reader sees it that was asked for by name, and how many crops it saw."""
    gray, foreground = label_on_specimen(255)
    reader = TwoTexts((text, sure), (second, 0.99))
    asked, reading = read_both(gray, BOX, foreground, FIRST, LabelMemory(reader=reader))
    return reading, len(asked)


def test_what_is_certain_or_no_length_is_not_read_again(readers: Readers) -> None:
    readers.shapes(first="confirms", second="confirms")
    assert one_reader("abc", "20 nm")[1] == one_reader("", "20 nm")[1] == 1
    reading, crops = one_reader("20 nm", "30 nm", sure=0.99)
    assert (reading.text, reading.is_certain, crops) == ("20 nm", True, 1)


def test_a_second_reading_counts_where_it_is_certain() -> None:
    reading, crops = one_reader("2O mm", "20 nm")
    assert (reading.text, reading.is_certain, crops) == ("20 nm", True, 2)
    reading, crops = one_reader("2O mm", "17 nm")
    assert (reading.text, reading.is_certain, crops) == ("2O mm", False, 2)


@pytest.mark.parametrize("text", ["2.0 nm", "2 0 nm"])
def test_a_point_that_the_first_crop_shows_is_not_lost(text: str) -> None:
    assert one_reader(text, "20 nm")[0].text == text


def test_two_quick_readers_that_agree_on_both_crops_need_nobody_else(readers: Readers) -> None:
    readers.shapes(first="contradicts", second="contradicts")
    slow = TwoTexts(("50 nm", 0.99), ("50 nm", 0.99))
    twice = (("20nm", 0.6), ("20nm", 0.9))
    reading, asked = readers.read(twice, twice, slow)
    assert (reading.text, reading.is_certain, reading.confidence, slow.asked) == ("20nm", True, 0.9, 0)
    assert reading.on_readers_alone
    assert not any(one.is_certain for one in asked)  # neither crop alone is believed
    readers.shapes(first="contradicts", second="confirms")
    assert not readers.read(twice, twice, slow)[0].on_readers_alone


def test_what_no_shapes_show_is_in_doubt_where_the_second_crop_shows_another_length(readers: Readers) -> None:
    slow = TwoTexts(("2 mm", 0.99), ("2 mm", 0.99))
    sure = (("2mm", 0.99), ("2nm", 0.9))
    readers.shapes(first="silent", second="silent")
    reading, asked = readers.read(sure, sure, slow)
    assert (reading.text, reading.is_certain, slow.asked) == ("2mm", False, 0)
    assert "in a second crop" in reading.reason
    assert asked[-1].text == "2mm"
    same = (("2mm", 0.99), ("2mm", 0.6))
    assert readers.read(same, same, slow)[0].is_certain
    readers.shapes(first="confirms", second="silent")
    assert readers.read(sure, sure, slow)[0].is_certain


@pytest.mark.parametrize("on_point", [False, True])
def test_a_certain_second_crop_of_the_same_value_spares_the_slow_reader(on_point: bool, readers: Readers) -> None:
    readers.shapes(first="contradicts", second="confirms", on_point=on_point)
    slow = TwoTexts(("20 nm", 0.99), ("20 nm", 0.99))
    quick = (("20nm", 0.4), ("20nm", 0.99))
    reading, asked = readers.read(quick, quick, slow)
    assert (reading.is_certain, reading.on_readers_alone, slow.asked) == (True, False, 0)
    assert asked[-1] is reading
    if on_point:  # a point that the shapes of one crop show is not outweighed by readers alone
        readers.shapes(first="contradicts", second="silent", on_point=True)
        readers.read(quick, quick, slow)
        assert slow.asked > 0


@pytest.mark.parametrize("doubt", ["unsure", "another value", "point", "unusual"])
def test_the_slow_reader_is_asked_where_the_quick_ones_do_not_agree_on_both_crops(doubt: str, readers: Readers) -> None:
    readers.shapes(first="contradicts", second="contradicts", on_point=doubt == "point")
    sure = 0.84 if doubt == "unsure" else 0.9
    text = "21 nm" if doubt == "unusual" else "20nm"
    second = ("50nm", 0.49) if doubt == "another value" else (text, sure)
    slow = TwoTexts(("20 nm", 0.8), ("20 nm", 0.8))
    reading, _ = readers.read(((text, sure), (text, sure)), ((text, sure), second), slow)
    # An unusual value that both see is uncertain whatever a third reader sees.
    assert (slow.asked > 0) == (doubt != "unusual")
    assert reading.is_certain == (doubt == "another value")  # that the slow one outweighs


def test_a_second_crop_that_the_quick_readers_settle_spares_the_slow_one(readers: Readers) -> None:
    readers.shapes(first="silent", second="confirms")
    slow = TwoTexts(("20 nm", 0.99), ("20 nm", 0.99))
    reading, asked = readers.read((("2Onn", 0.5), ("20nm", 0.9)), (("2um1", 0.5), ("20nm", 0.9)), slow)
    assert (reading.text, reading.is_certain, slow.asked) == ("20nm", True, 0)
    assert asked[-1] is reading


def test_a_point_that_one_quick_reader_sees_in_the_first_crop_asks_the_slow_one(readers: Readers) -> None:
    readers.shapes(first="silent", second="confirms")
    slow = TwoTexts(("2.0 nm", 0.99), ("20 nm", 0.99))
    reading, _ = readers.read((("20nm", 0.6), ("20nm", 0.9)), (("2.0n", 0.6), ("20nm", 0.9)), slow)
    assert slow.asked > 0
    assert (reading.text, reading.is_certain) == ("2.0 nm", False)


def test_where_no_quick_reader_sees_a_length_nobody_else_is_asked(readers: Readers) -> None:
    slow = TwoTexts(("20 nm", 0.99), ("20 nm", 0.99))
    texture = (("1Inu", 0.4), ("t0m:", 0.3))
    reading, _ = readers.read(texture, texture, slow)
    assert (reading.value, reading.is_certain, slow.asked) == (None, False, 0)
    # But a bright specimen may have hidden the unit of a number with a point.
    readers.read((("50.0", 0.7), ("50.0", 0.7)), texture, slow)
    assert slow.asked > 0


@pytest.mark.parametrize(("seen", "sure", "asks"), [("50nm", 0.8, True), ("50nm", 0.4, False), ("57nm", 0.8, False)])
def test_against_a_value_speaks_another_usual_one_that_is_not_too_unsure(
    seen: str, sure: float, asks: bool, readers: Readers
) -> None:
    slow = TwoTexts(("50 nm", 0.99), ("50 nm", 0.99))
    crops = ((seen, sure), (seen, sure))
    reading, _ = readers.read(crops, (("t0m:", 0.3), ("t0m:", 0.3)), slow, held="20 nm")
    assert (slow.asked > 0) == asks
    assert reading.is_certain is False or asks


@pytest.mark.parametrize(
    ("style", "font_name", "number", "seed"),
    [("overlay", "cmr10", "300", 0), ("overlay", "DejaVuSerif", "20", 1), ("hitachi", "DejaVuSerif", "300", 2)],
)
def test_small_serif_letters_on_a_specimen_are_read(style: str, font_name: str, number: str, seed: int) -> None:
    whole = draw(style, number=number, font_name=font_name, text_px=24, length=200, seed=seed)  # type: ignore[arg-type]
    half = spoil(whole, "half", seed)
    assert half.gray.shape == (384, 512)
    reading = read_scale(half.gray, labels=LabelMemory())
    assert reading.scale_nm == half.scale_nm
    assert reading.bar_length_px == pytest.approx(half.length_px, abs=2)
    assert reading.status == "read"


def test_a_pale_point_is_in_the_second_crop() -> None:
    """What `hidden_print` looks for, a reader sees here."""
    gray = np.asarray(specimen(60, 120, 3) // 2, dtype=np.uint8)
    page = Image.fromarray(gray)
    pen = ImageDraw.Draw(page)
    for x, text in ((20, "2"), (40, "5 nm")):
        pen.text((x, 20), text, fill=255, font=font(20), anchor="lt")
    foreground = (np.asarray(page)[20:36, 20:90] == 255).astype(np.uint8)
    pen.rectangle((34, 33, 36, 35), fill=200)
    crop = faint_crop(np.asarray(page, dtype=np.uint8), (20, 20, 70, 16), foreground)
    assert crop[PAD_PX + 14 : PAD_PX + 17, PAD_PX + 15 : PAD_PX + 18].max() < 140
