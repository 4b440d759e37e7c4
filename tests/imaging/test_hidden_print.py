"""Print that a crop from a specimen may have lost."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.imaging.hidden_print import hidden_print
from tests.imaging.scale_drawings import font


def print_and_ink(
    text: str, *, pale: str = "", ground: int = 60, size: int = 30, before: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """White letters in their tight box and ``before`` columns, those of ``pale`` half as bright; the others' ink."""
    letters = font(size)
    gray, kept = (Image.new("L", (30 * size, 3 * size), level) for level in (ground, 0))
    x = 10.0 + before
    for character in text:
        level = ground + int(0.55 * (255 - ground)) if character in pale else 255
        ImageDraw.Draw(gray).text((round(x), 10), character, fill=level, font=letters)
        if character not in pale:
            ImageDraw.Draw(kept).text((round(x), 10), character, fill=255, font=letters)
        x += letters.getlength(character)
    ink = (np.asarray(kept) > 200).astype(np.uint8)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0] - before, columns[-1] + 1))
    return np.ascontiguousarray(np.asarray(gray, dtype=np.uint8)[box]), np.ascontiguousarray(ink[box])


@pytest.mark.parametrize("text", ["1.5 nm", "2.50 nm", "5.0 nm"])
@pytest.mark.parametrize("size", [18, 30, 50])
def test_a_pale_point_is_seen(text: str, size: int) -> None:
    gray, ink = print_and_ink(text, pale=".", size=size)
    assert hidden_print(gray, ink, 255) == "point"


@pytest.mark.parametrize("text", ["100 nm", "25 um", "2 mm", "400nm"])
@pytest.mark.parametrize("ground", [0, 60, 150])
def test_nothing_is_seen_between_letters_that_were_all_kept(text: str, ground: int) -> None:
    gray, ink = print_and_ink(text, ground=ground)
    assert hidden_print(gray, ink, 255) == ""


def test_a_pale_digit_is_seen() -> None:
    gray, ink = print_and_ink("1807 nm", pale="8")
    assert hidden_print(gray, ink, 255) == "letter"
    assert hidden_print(gray, ink, 255, letters=1) == ""


@pytest.mark.parametrize("text", [".5 nm", ".25 um"])
@pytest.mark.parametrize("size", [18, 30, 50])
def test_a_pale_point_before_the_first_letter_is_seen(text: str, size: int) -> None:
    gray, ink = print_and_ink(text, pale=".", size=size, before=size)
    assert hidden_print(gray, ink, 255, before=size) == "first point"
    assert hidden_print(gray[:, size:], ink[:, size:], 255) == ""


@pytest.mark.parametrize("text", ["100 nm", "5 um"])
def test_clear_ground_or_a_bright_specimen_before_the_first_letter_is_no_point(text: str) -> None:
    gray, ink = print_and_ink(text, before=30)
    assert hidden_print(gray, ink, 255, before=30) == ""
    gray[:, :27] = 200
    assert hidden_print(gray, ink, 255, before=30) == ""


def test_a_ground_like_the_ink_and_a_single_letter_say_nothing() -> None:
    gray, ink = print_and_ink("1.5 nm", pale=".")
    assert hidden_print(np.full_like(gray, 250), ink, 255) == ""
    assert hidden_print(gray[:, :8], ink[:, :8], 255) == ""
