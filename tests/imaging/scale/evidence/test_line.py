"""When the text of a line of settings may be believed."""

import numpy as np
import pytest

from pipeline.imaging.scale.evidence.line import read_line
from pipeline.imaging.scale.recognition.text import TextCandidate

CROP = np.full((20, 90), 255, np.uint8)


class _Sees:
    """A reader that sees a text, and counts how often it is asked."""

    def __init__(self, text: str, confidence: float = 0.95) -> None:
        self.text, self.confidence, self.asked = text, confidence, 0

    def read(self, crop: np.ndarray) -> list[TextCandidate]:
        self.asked += 1
        return [TextCandidate(self.text, self.confidence)] if self.text else []


def _never() -> _Sees:
    raise AssertionError("the further reader is not to be asked")


def test_what_two_readers_see_alike_is_certain() -> None:
    reading = read_line(CROP, [_Sees("HFW20.7\N{MICRO SIGN}m", 0.6), _Sees("HFW 20.7 um")], _never)
    assert (reading.is_certain, reading.text, reading.confidence) == (True, "HFW20.7\N{MICRO SIGN}m", 0.6)
    assert reading.value is None


@pytest.mark.parametrize("text", ["WD = 10.1 mm", "EHT = 5.00 kV", "", "Signal A = InLens"])
def test_what_is_not_looked_for_costs_one_reader(text: str) -> None:
    second = _Sees("HFW 20.7 um")
    reading = read_line(CROP, [_Sees(text), second], _never)
    assert not reading.is_certain
    assert second.asked == 0


def test_where_two_differ_a_third_must_see_what_one_of_them_saw() -> None:
    quick = [_Sees("HFW 20.7 um"), _Sees("HFW 207 um")]
    assert read_line(CROP, quick, lambda: _Sees("HFW  20.7 \N{GREEK SMALL LETTER MU}m")).text == "HFW 20.7 um"
    assert read_line(CROP, quick, lambda: _Sees("HFW 207 um")).is_certain
    assert not read_line(CROP, quick, lambda: _Sees("HFW 2.07 um")).is_certain
    assert not read_line(CROP, quick, lambda: _Sees("HFW 20.7 um", 0.8)).is_certain
    assert not read_line(CROP, quick, None).is_certain


def test_what_else_stands_in_the_line_may_differ() -> None:
    quick = [_Sees("HighVac.(ex300"), _Sees("HighVac.1Qx300")]
    assert read_line(CROP, quick, _never).is_certain
    assert not read_line(CROP, [_Sees("HFW"), _Sees("HFVV")], None).is_certain


def test_unsure_readers_are_not_believed_though_they_agree() -> None:
    assert not read_line(CROP, [_Sees("HFW 20.7 um", 0.4), _Sees("HFW 20.7 um")], lambda: _Sees("")).is_certain
    assert not read_line(
        CROP, [_Sees("HFW 20.7 um", 0.4), _Sees("HFW 20.7 um")], lambda: _Sees("HFW 20.7 um")
    ).is_certain


def test_a_magnification_is_not_worth_the_slow_reader() -> None:
    assert not read_line(CROP, [_Sees("X5,000"), _Sees("X6,000")], _never).is_certain


def test_a_reader_alone_must_be_sure_of_every_letter() -> None:
    assert read_line(CROP, [_Sees("X5,000", 0.9)], None).is_certain
    assert not read_line(CROP, [_Sees("X5,000", 0.89)], None).is_certain
