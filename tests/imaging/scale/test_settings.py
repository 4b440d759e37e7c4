"""What the printed field width and magnification say to a scale: they bear it out, doubt it, or are silent."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pipeline.imaging.scale.recognition.memory
from pipeline.imaging.scale.bars.segment import Segment
from pipeline.imaging.scale.candidates import ScaleCandidate
from pipeline.imaging.scale.decision.settings import borne_out, is_thin, word_on
from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.evidence.printed_settings import PrintedSetting, PrintedSettings
from pipeline.imaging.scale.labels.value import parse_label
from pipeline.imaging.scale.reading import read_scale
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.regions.databar import DataBar
from pipeline.records import ScaleReading
from tests.imaging.scale.scale_drawings import draw
from tests.imaging.scale.settings_drawings import draw_with_settings

BAR = DataBar(700, 768, 0, 1024, "stripe", 0)
WIDTH = 1000


def candidate(text: str, *, length: int = 100, **changes: Any) -> ScaleCandidate:
    """A bar of 100 px, a tenth of the picture's width."""
    reading = LabelReading(text, parse_label(text), False, 0.6, "unsure")
    segment = Segment("solid", (10, 740, length, 6), float(length), (10, 740, length, 6))
    return ScaleCandidate(BAR, segment, None, replace(reading, **changes))


def settings(field: str = "", times: float | None = None, *, has_field: bool | None = None) -> PrintedSettings:
    nm = {"nm": 1.0, "um": 1e3, "mm": 1e6}
    width = None
    if field:
        number, unit = field.split()
        width = PrintedSetting(float(number) * nm[unit], field, (300, 720, 60, 12), 0.9)
    magnification = None if times is None else PrintedSetting(times, f"X{times:g}", (500, 720, 60, 12), 0.9)
    return PrintedSettings(width, magnification, bool(field) if has_field is None else has_field)


@pytest.mark.parametrize("field", ["20.0 um", "20.6 um", "19.5 um", "20 um"])
def test_the_same_width_within_3_percent(field: str) -> None:
    word = word_on(candidate("2 um"), settings(field), WIDTH)
    assert (word.verdict, word.field_box) == ("same", (300, 720, 60, 12))
    assert field in word.reason


@pytest.mark.parametrize(
    ("text", "field", "times", "verdict"),
    [
        ("20 um", "20.0 um", None, "against"),  # 2.0, its point lost
        ("200 um", "20.0 um", None, "against"),  # 2.00
        ("2 um", "20.0 mm", None, "against"),  # mm taken for um
        ("2 nm", "20.0 um", None, "against"),
        ("2 um", "1.99 um", None, "against"),
        ("2 um", "200 um", None, "silent"),  # this may be 20.0 itself
        ("2 um", "200 um", 1_000.0, "against"),  # unless the magnification shows that it is not
        ("2 um", "200 um", 10_000.0, "silent"),
        ("2 um", "41.0 um", None, "silent"),  # half the picture was cut off, or it was mounted
        ("2 um", "2.10 um", None, "silent"),  # ten times, but for 5%
        ("2 um", "20.7 um", None, "silent"),
        ("2 um", "2.00 nm", None, "silent"),  # more than three decades: nobody's lost point
    ],
)
def test_only_a_decade_is_proof_against_a_bar(text: str, field: str, times: float | None, verdict: str) -> None:
    assert word_on(candidate(text), settings(field, times), WIDTH).verdict == verdict


@pytest.mark.parametrize(
    ("times", "verdict"), [(1e4, "silent"), (400.0, "silent"), (2e5, "silent"), (200.0, "against"), (1e6, "against")]
)
def test_a_magnification_speaks_only_against_what_no_display_shows(times: float, verdict: str) -> None:
    assert word_on(candidate("2 um"), settings(times=times), WIDTH).verdict == verdict


def test_a_magnification_is_not_heard_beside_a_field_width_that_could_not_be_read() -> None:
    assert word_on(candidate("2 um"), settings(times=1.0e6, has_field=True), WIDTH).verdict == "silent"


def test_nothing_printed_says_nothing() -> None:
    word = word_on(candidate("2 um"), PrintedSettings(), WIDTH)
    assert (word.verdict, word.reason, word.field_box) == ("silent", "", None)


@pytest.mark.parametrize(
    ("text", "given", "is_lifted"),
    [
        ("2 um", settings("20.0 um", 1e4), True),
        ("200 nm", settings("2.00 um"), True),
        ("2 um", settings("20.0 um"), False),  # one unit, and no third print to tell that it is read rightly
        ("200 nm", settings("2 um"), False),  # a point may be lost in both
        ("2 um", settings("20.0 um", 1e3), False),  # shown 2 cm wide: something is wrong in both
        ("2 um", settings("20.0 um", 1e6), False),
        ("2 um", settings("20.7 um", 1e4), False),
        ("2 um", settings(times=1e4), False),  # a magnification alone lifts nothing
        ("17 um", settings("170 um", 1e3), False),  # no usual length
        ("2 kV", settings("20.0 um", 1e4), False),
        ("2 pm", settings("20.0 um", 1e4), True),  # a printed micro sign
    ],
)
def test_what_is_borne_out(text: str, given: PrintedSettings, is_lifted: bool) -> None:
    found = borne_out([candidate(text)], given, WIDTH)
    assert (found is not None) == is_lifted
    if found is not None:
        assert found.reading is not None
        assert found.reading.is_certain
        assert found.nm_per_px == pytest.approx(found.reading.value.scale_nm / 100)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text", ["2 \N{WHITE SQUARE}m", "2\N{MICRO SIGN}", "2 m", "2u", "2.0 m", "2 \N{GREEK SMALL LETTER MU}"]
)
def test_a_number_takes_its_unit_from_the_field_width(text: str) -> None:
    unread = candidate(text)
    assert unread.nm_per_px is None
    found = borne_out([unread], settings("20.0 um", 1e4), WIDTH)
    assert found is not None
    assert found.reading is not None
    assert found.reading.value is not None
    assert (found.reading.value.text, found.nm_per_px) == ("2 um", 20.0)
    assert borne_out([unread], settings("20.0 um"), WIDTH) is None
    assert borne_out([unread], settings("200 nm"), WIDTH) is None
    assert borne_out([unread], settings("20.0 um", 1e3), WIDTH) is None


@pytest.mark.parametrize("field", ["2.00 um", "200 um", "41.4 um", "20.7 um", "20.0 mm"])
def test_a_number_that_does_not_fit_takes_no_unit(field: str) -> None:
    assert borne_out([candidate("2 \N{WHITE SQUARE}m")], settings(field, 1e4), WIDTH) is None


@pytest.mark.parametrize("text", ["2", "2 kV", "2 s", "2 x", "2 pA", "2 %", "WD 2 m", "2000 m", "17 m", "m", "", "0 m"])
def test_what_is_no_number_before_a_unit_takes_none(text: str) -> None:
    assert borne_out([candidate(text)], settings("20.0 um", 1e4), WIDTH) is None
    assert borne_out([candidate(text)], settings("170 um", 1e3), WIDTH) is None


def test_what_something_else_speaks_against_is_not_borne_out() -> None:
    ruled_out = replace(candidate("2 um"), is_ruled_out=True)
    assert borne_out([ruled_out], settings("20.0 um", 1e4), WIDTH) is None
    other = candidate("500 nm")
    found = borne_out([other, ruled_out, candidate("2 um")], settings("20.0 um", 1e4), WIDTH)
    assert found is not None
    assert found.reading is not None
    assert found.reading.text == "2 um"


@pytest.mark.parametrize("display_mm", [95, 120, 127, 200, 376, 590])
def test_a_lost_point_in_both_prints_is_never_borne_out(display_mm: float) -> None:
    """2.5 um and 25.0 um, read as 25 um and 250 um, at any usual display."""
    times = display_mm * 1e6 / 25_000.0
    assert borne_out([candidate("25 um")], settings("250 um"), WIDTH) is None
    assert borne_out([candidate("25 um")], settings("250 um", times), WIDTH) is None
    assert borne_out([candidate("2.5 um")], settings("25.0 um", times), WIDTH) is not None


def test_thin_evidence() -> None:
    assert not is_thin(candidate("2 um", confidence=0.95))
    assert is_thin(candidate("2 um", confidence=0.95, on_readers_alone=True))
    assert is_thin(candidate("2 um", confidence=0.95, point_in_doubt=True))
    assert is_thin(candidate("2 um", confidence=0.85))
    assert not is_thin(candidate("2 um", confidence=0.98, on_readers_alone=True))


Spoilt = Callable[[LabelReading], LabelReading]


def _labels(monkeypatch: pytest.MonkeyPatch, change: Spoilt) -> LabelMemory:
    """A memory whose labels are read as they are, and then changed."""

    def changing(read: Callable[..., LabelReading]) -> Callable[..., LabelReading]:
        def changed(*arguments: Any, **options: Any) -> LabelReading:
            reading = read(*arguments, **options)
            return reading if reading.value is None else change(reading)

        return changed

    for name in ("glance_at_label", "read_label"):
        read = getattr(pipeline.imaging.scale.recognition.memory, name)
        monkeypatch.setattr(pipeline.imaging.scale.recognition.memory, name, changing(read))
    return LabelMemory()


def _unsure(reading: LabelReading, *, times: float = 1.0) -> LabelReading:
    assert reading.value is not None
    value = replace(reading.value, scale_nm=reading.value.scale_nm * times)
    return replace(reading, value=value, is_certain=False, confidence=0.6, reason="a fleck lies on the label")


def _thin(reading: LabelReading) -> LabelReading:
    return replace(reading, on_readers_alone=True, confidence=0.95)


def _read(gray: np.ndarray, memory: LabelMemory) -> ScaleReading:
    reading = read_scale(gray, labels=memory)
    assert read_scale(gray, labels=memory) == reading
    return reading


FORMS = [("named", 20_009), ("width", 20_000), ("table", 20_031), ("jeol", 20_015), ("view_field", 20_001)]


@pytest.mark.parametrize(("form", "seed"), FORMS)
def test_a_doubtful_label_is_borne_out(monkeypatch: pytest.MonkeyPatch, form: Any, seed: int) -> None:
    drawing, _, _ = draw_with_settings(seed, ("DejaVuSans",), form=form, spoil_by="none")
    reading = _read(drawing.gray, _labels(monkeypatch, _unsure))
    assert (reading.status, reading.source) == ("read", "bar"), reading.reason
    assert reading.scale_nm == drawing.scale_nm
    assert reading.nm_per_px == pytest.approx(drawing.scale_nm / drawing.length_px, rel=0.02)
    assert "a fleck lies on the label" in reading.reason
    assert "the printed field width of" in reading.reason
    assert reading.field_box is not None


@pytest.mark.parametrize("times", [0.1, 0.5, 1000.0])
def test_a_misread_label_is_not(monkeypatch: pytest.MonkeyPatch, times: float) -> None:
    memory = _labels(monkeypatch, lambda reading: _unsure(reading, times=times))
    for form, seed in FORMS:
        drawing, _, _ = draw_with_settings(seed, ("DejaVuSans",), form=form, spoil_by="none")
        reading = read_scale(drawing.gray, labels=memory)
        assert reading.nm_per_px is None, reading


@pytest.mark.parametrize("times", [0.1, 10.0])
def test_label_and_field_width_misread_alike_are_not(monkeypatch: pytest.MonkeyPatch, times: float) -> None:
    memory = _labels(monkeypatch, lambda reading: _unsure(reading, times=times))
    for form, seed in FORMS:
        drawing, _, _ = draw_with_settings(seed, ("DejaVuSans",), form=form, spoil_by="none", times=times)
        reading = read_scale(drawing.gray, labels=memory)
        assert reading.nm_per_px is None, reading


def test_a_thin_reading_is_doubted_by_a_decade_only(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = _labels(monkeypatch, _thin)
    statuses = {}
    for times in (0.1, 0.37, 1.0):
        drawing, _, _ = draw_with_settings(20_009, ("DejaVuSans",), form="named", spoil_by="none", times=times)
        reading = _read(drawing.gray, memory)
        statuses[times] = reading.status
        assert "the printed field width of" in reading.reason
        assert reading.field_box is not None
    assert statuses == {0.1: "uncertain", 0.37: "read", 1.0: "read"}


def test_a_firm_reading_does_not_ask_the_settings() -> None:
    memory = LabelMemory()
    reading = read_scale(draw("zeiss").gray, labels=memory)
    assert reading.status == "read"
    assert "field width" not in reading.reason
    assert reading.field_box is None
    assert not memory.settings


def test_metadata_go_before_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing, _, _ = draw_with_settings(20_009, ("DejaVuSans",), form="named", spoil_by="none")
    memory = _labels(monkeypatch, _unsure)
    reading = read_scale(drawing.gray, labels=memory, metadata_nm_per_px=drawing.scale_nm / drawing.length_px)
    assert reading.status == "agrees"
    assert not memory.settings
