"""How much evidence a value needs."""

from dataclasses import dataclass, field

import numpy as np
import pytest

import pipeline.imaging.label_evidence as label_evidence
from pipeline.imaging.label_evidence import read_label
from pipeline.imaging.label_shape import ShapeVerdict, Verdict
from pipeline.imaging.label_text import TextCandidate

CROP = np.full((40, 120), 255, dtype=np.uint8)


@dataclass
class Scripted:
    """A reader that gives its answers one after the other."""

    answers: list[tuple[str, float] | None]
    asked: int = field(default=0)

    def read(self, crop: np.ndarray) -> list[TextCandidate]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [] if answer is None else [TextCandidate(*answer)]


@pytest.fixture(params=["confirms", "contradicts", "silent"])
def shapes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Verdict:
    verdict: Verdict = request.param
    monkeypatch.setattr(label_evidence, "check_shapes", lambda *_: ShapeVerdict(verdict, f"shapes: {verdict}"))
    return verdict


def test_a_sure_reading_needs_shapes_or_a_second_look(shapes: Verdict) -> None:
    reader = Scripted([("200 nm", 0.99), ("200nm", 0.98)])
    reading = read_label(CROP, reader)
    assert reading.is_certain == (shapes != "contradicts")
    assert reader.asked == (2 if shapes == "silent" else 1)


def test_a_second_look_that_differs_is_not_enough(shapes: Verdict) -> None:
    reading = read_label(CROP, Scripted([("200 nm", 0.99), ("20 nm", 0.99)]))
    assert reading.is_certain == (shapes == "confirms")


@pytest.mark.parametrize("text", ["17 nm", "207 um", "100 pm"])
def test_an_unusual_value_or_picometres_are_never_certain_of_themselves(text: str, shapes: Verdict) -> None:
    further = Scripted([(text, 0.99)])
    reading = read_label(CROP, Scripted([(text, 0.99)]), further_reader=further)
    picometres = text.endswith("pm") and shapes == "confirms"
    assert reading.is_certain == picometres  # shapes that show a micro sign turn pm into um
    assert reading.value is not None
    assert (reading.value.unit == "um") == (picometres or text.endswith("um"))


def test_an_unsure_reading_is_uncertain_without_another_reader(shapes: Verdict) -> None:
    assert not read_label(CROP, Scripted([("200 nm", 0.7)])).is_certain
    agreeing = read_label(CROP, Scripted([("200 nm", 0.7)]), further_reader=Scripted([("200nm", 0.5)]))
    assert agreeing.is_certain == (shapes != "contradicts")
    differing = read_label(CROP, Scripted([("200 nm", 0.7)]), further_reader=Scripted([("20 nm", 0.9)]))
    assert not differing.is_certain


def test_a_guessed_micro_sign_needs_the_shapes(shapes: Verdict) -> None:
    reading = read_label(CROP, Scripted([("2 yum", 0.99)]))
    assert reading.is_certain == (shapes == "confirms")


def test_other_text_and_no_text() -> None:
    other = read_label(CROP, Scripted([("WD 10 mm", 0.99)]))
    assert (other.text, other.value, other.is_certain) == ("WD 10 mm", None, False)
    nothing = read_label(CROP, Scripted([None]))
    assert (nothing.text, nothing.value, nothing.is_certain) == ("", None, False)
