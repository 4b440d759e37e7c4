"""How much evidence a value needs."""

from dataclasses import dataclass, field

import numpy as np
import pytest

import pipeline.imaging.scale.evidence.label as label_evidence
from pipeline.imaging.scale.evidence.label import glance_at_label, read_label
from pipeline.imaging.scale.recognition.shape import ShapeVerdict, Verdict
from pipeline.imaging.scale.recognition.text import TextCandidate

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


def test_a_sure_quick_reader_and_the_shapes_need_nobody_else(shapes: Verdict) -> None:
    slow = Scripted([("500 nm", 0.99)])
    reading = read_label(CROP, slow, quick_readers=(Scripted([("200nm", 0.995)]), Scripted([("200nm", 0.87)])))
    assert reading.is_certain == (shapes != "contradicts")
    assert reading.on_readers_alone == (shapes == "silent")
    assert slow.asked == (1 if shapes == "contradicts" else 0)


def test_shapes_that_confirm_make_up_for_quick_readers_that_are_less_sure(shapes: Verdict) -> None:
    for less, more, enough in ((0.72, 0.9, shapes == "confirms"), (0.68, 0.99, False), (0.75, 0.8, False)):
        quick = (Scripted([("200nm", more)]), Scripted([("200nm", less)]))
        glance = glance_at_label(CROP, quick)
        assert (glance.is_certain, glance.glance) == (enough, "" if enough else "agree")


@pytest.mark.parametrize(
    ("answers", "glance", "text"),
    [
        ([("3 kV", 0.99)], "", "3 kV"),
        ([None], "", ""),
        ([("5Onu", 0.5), ("t0mn", 0.4)], "none", "5Onu"),
        ([("50nm", 0.5), ("t0mn", 0.4)], "one", "50nm"),
        ([("50nm", 0.5), ("20nm", 0.4)], "differ", "50nm"),
        ([("50nm", 0.5), ("20nm", 0.6)], "", "20nm"),
        ([("57nm", 0.5), ("57nm", 0.6)], "", "57nm"),
        ([("57nm", 0.5), ("57nm", 0.4)], "differ", "57nm"),
        ([("2pm", 0.9), ("2um", 0.9)], "differ", "2pm"),
        ([("50nm", 0.5), ("50nm", 0.6)], "agree", "50nm"),
    ],
)
def test_a_glance_tells_whether_others_are_to_be_asked(
    answers: list[tuple[str, float] | None], glance: str, text: str
) -> None:
    seen = glance_at_label(CROP, [Scripted([answer]) for answer in answers])
    assert (seen.glance, seen.text, seen.is_certain) == (glance, text, False)


def test_a_point_that_only_one_quick_reader_sees_is_in_doubt() -> None:
    quick = (Scripted([("50nm", 0.5)]), Scripted([("5.0n", 0.4)]))
    assert glance_at_label(CROP, quick).point_in_doubt


def test_two_readers_that_agree_outweigh_the_shapes(shapes: Verdict) -> None:
    reading = read_label(CROP, Scripted([("200 nm", 0.95)]), quick_readers=[Scripted([("200nm", 0.8)])])
    assert (reading.is_certain, reading.reason) == (True, "two readers agree")
    unsure = read_label(CROP, Scripted([("200 nm", 0.8)]), quick_readers=[Scripted([("200nm", 0.8)])])
    assert not unsure.is_certain


def test_two_readers_that_differ_leave_it_uncertain(shapes: Verdict) -> None:
    reading = read_label(CROP, Scripted([("200 nm", 0.99)]), quick_readers=[Scripted([("20nm", 0.85)])])
    assert not reading.is_certain


def test_the_quick_reader_is_heard_on_picometres(shapes: Verdict) -> None:
    reading = read_label(CROP, Scripted([("2 pm", 0.95)]), quick_readers=[Scripted([("2\N{MICRO SIGN}m", 0.9)])])
    assert reading.value is not None
    assert (reading.is_certain, reading.value.scale_nm) == (True, 2000.0)


def test_a_quick_reader_that_surely_sees_other_text_spares_the_slow_one() -> None:
    slow = Scripted([("200 nm", 0.99)])
    reading = read_label(CROP, slow, quick_readers=[Scripted([("WD=10.1mm", 0.97)])])
    assert (reading.value, reading.is_certain, slow.asked) == (None, False, 0)


@pytest.mark.parametrize(("first", "second"), [(0.95, 0.65), (0.84, 0.84)])
def test_two_quick_readers_that_are_not_sure_enough_ask_the_slow_one(first: float, second: float) -> None:
    slow = Scripted([("200 nm", 0.99)])
    read_label(CROP, slow, quick_readers=[Scripted([("200nm", first)]), Scripted([("200nm", second)])])
    assert slow.asked >= 1


def test_a_quick_reader_that_differs_is_heard_before_one_that_agrees(shapes: Verdict) -> None:
    quick = [Scripted([("200nm", 0.97)]), Scripted([("20nm", 0.6)])]
    reading = read_label(CROP, Scripted([("200 nm", 0.99)]), quick_readers=quick)
    assert not reading.is_certain


def test_two_quick_readers_that_see_nothing_spare_the_slow_one() -> None:
    slow = Scripted([("200 nm", 0.99)])
    reading = read_label(CROP, slow, quick_readers=[Scripted([None]), Scripted([None])])
    assert (reading.text, reading.is_certain, slow.asked) == ("", False, 0)


def test_picometres_that_all_readers_see_are_not_turned_into_micrometres() -> None:
    reading = read_label(CROP, Scripted([("200 pm", 0.99)]), quick_readers=[Scripted([("200pm", 0.9)])] * 2)
    assert reading.value is None or not (reading.is_certain and reading.value.unit == "um")
