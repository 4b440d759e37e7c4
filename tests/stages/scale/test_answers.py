"""What a person's answer makes of a reading, case by case."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.records import ScaleReading
from pipeline.stages.scale.answers import (
    Answer,
    Answers,
    enter_answers,
    entered_answers,
    machine_fields,
    machine_part,
    parse_answer,
    resolved,
)
from pipeline.storage.location import Location

CROP, IMAGE, OTHER = "a" * 32, "b" * 32, "c" * 32
UNSURE = ScaleReading("uncertain", "", "20 nm", 20.0, 100.0, None, None, 0.4, "unsure", crop=CROP)
STATED = replace(UNSURE, status="disagrees", metadata_nm_per_px=2.02)


def test_a_length_goes_over_what_was_read() -> None:
    found = resolved(UNSURE, Answer("crop", CROP, "200 nm"))
    assert (found.status, found.source, found.text, found.nm_per_px) == ("confirmed", "person", "200 nm", 2.0)
    assert resolved(UNSURE, None) is UNSURE


def test_metadata_that_agree_give_the_value_and_those_that_do_not_hold_it_back() -> None:
    assert resolved(STATED, Answer("crop", CROP, "200 nm")).nm_per_px == 2.02
    held = resolved(STATED, Answer("crop", CROP, "500 nm"))
    assert (held.status, held.nm_per_px, held.scale_nm) == ("disagrees", None, 500.0)
    assert "2.475 times" in held.reason
    own = resolved(STATED, Answer("image", IMAGE, "500 nm"))
    assert (own.status, own.nm_per_px) == ("confirmed", 5.0)


@pytest.mark.parametrize(
    ("reading", "text", "status", "size"),
    [
        (UNSURE, "no bar", "no_bar", None),
        (UNSURE, "unreadable", "no_text", None),
        (STATED, "no bar", "metadata", 2.02),
        (STATED, "unreadable", "metadata", 2.02),
        (replace(UNSURE, bar_length_px=None), "1.5 nm/px", "confirmed", 1.5),
        (replace(UNSURE, bar_length_px=None), "3 um", "uncertain", None),
    ],
)
def test_other_answers(reading: ScaleReading, text: str, status: str, size: float | None) -> None:
    found = resolved(reading, Answer("image", IMAGE, text))
    assert (found.status, found.nm_per_px) == (status, size)


def test_a_persons_own_bar_length_counts() -> None:
    assert resolved(UNSURE, Answer("image", IMAGE, "200 nm", 80.0)).nm_per_px == 2.5


def test_an_inherited_answer_gives_way_to_another_reading() -> None:
    answer = Answer("crop", CROP, "200 nm")
    assert resolved(UNSURE, answer, inherited=True) is UNSURE
    for scale_nm in (None, 200.0):
        assert resolved(replace(UNSURE, scale_nm=scale_nm), answer, inherited=True).status == "confirmed"


def test_an_image_goes_before_its_crop_and_a_crop_before_an_older_crop() -> None:
    crop = Answer("crop", CROP, "200 nm", images=(IMAGE, OTHER))
    newer = Answer("crop", OTHER, "300 nm")
    held = Answers([crop, newer, Answer("image", OTHER, "no bar")])
    assert held.of(IMAGE, CROP)[0] == replace(crop, images=())
    assert held.of(IMAGE, "") == (replace(crop, images=()), True)
    assert held.of(IMAGE, OTHER) == (newer, False)
    assert held.of(OTHER, CROP)[0] == Answer("image", OTHER, "no bar")
    assert held.of("d" * 32, "") == (None, False)


def test_the_last_answer_holds_and_undo_takes_all_back() -> None:
    first, last = Answer("crop", CROP, "200 nm", images=(IMAGE,)), Answer("crop", CROP, "2 um")
    assert Answers([first, last]).held == (last,)
    undone = Answers([first, last, Answer("crop", CROP, "undo")])
    assert undone.held == ()
    assert undone.of(IMAGE, CROP) == (None, False)
    assert Answers([first, Answer("crop", CROP, "undo"), last]).held == (last,)


def test_the_name_of_an_answer_is_what_is_said() -> None:
    answer = Answer("crop", CROP, "200 nm", by="eva", entered="now", images=(IMAGE,))
    assert answer.id == Answer("crop", CROP, "200 nm").id
    others = [replace(answer, text="2 um"), replace(answer, key=OTHER), replace(answer, bar_length_px=3.0)]
    assert len({answer.id, *(other.id for other in others)}) == 4


def test_what_an_answer_replaced_comes_back_bit_for_bit() -> None:
    reading = replace(STATED, confidence=0.1 + 0.2, bar_length_px=1 / 3)
    changed = resolved(reading, Answer("image", IMAGE, "no bar"))
    assert replace(changed, **machine_fields(machine_part(reading))) == reading


def test_answers_survive_being_written(tmp_path: Path) -> None:
    given = [Answer("crop", CROP, "200 nm", None, "Eva µ", "why", "now", (IMAGE,)), Answer("image", IMAGE, "undo")]
    enter_answers(Location.parse(tmp_path), given)
    assert entered_answers(Location.parse(tmp_path)) == given


@pytest.mark.parametrize(
    ("text", "expected"),
    [("200nm", "200 nm"), (" 0,50 µm ", "0.5 um"), ("1 MM", "1 mm"), ("NO  BAR", "no bar"), ("5 \u03bcm", "5 um")],
)
def test_spellings(text: str, expected: str) -> None:
    assert parse_answer(text, of_image=False) == expected


@pytest.mark.parametrize("text", ["", "nm", "200", "1e3 nm", "-1 nm", "0 nm", "1 km", "200 nm or so", "=1+1"])
def test_what_is_no_answer(text: str) -> None:
    with pytest.raises(ValueError, match="expected a length"):
        parse_answer(text, of_image=True)
