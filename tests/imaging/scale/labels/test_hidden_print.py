"""Print that a crop from a specimen may have lost."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.imaging.scale.labels.hidden_print import has_letter_before, hidden_print, starts_with_specimen
from tests.imaging.scale.scale_drawings import font


def print_and_foreground(
    text: str, *, pale: str = "", ground: int = 60, size: int = 30, before: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """White letters in their tight box and ``before`` columns, ``pale`` half as bright; the others' foreground."""
    letters = font(size)
    gray, kept = (Image.new("L", (30 * size, 3 * size), level) for level in (ground, 0))
    x = 10.0 + before
    for character in text:
        level = ground + int(0.55 * (255 - ground)) if character in pale else 255
        ImageDraw.Draw(gray).text((round(x), 10), character, fill=level, font=letters)
        if character not in pale:
            ImageDraw.Draw(kept).text((round(x), 10), character, fill=255, font=letters)
        x += letters.getlength(character)
    foreground = (np.asarray(kept) > 200).astype(np.uint8)
    rows, columns = np.flatnonzero(foreground.any(axis=1)), np.flatnonzero(foreground.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0] - before, columns[-1] + 1))
    return np.ascontiguousarray(np.asarray(gray, dtype=np.uint8)[box]), np.ascontiguousarray(foreground[box])


@pytest.mark.parametrize("text", ["1.5 nm", "2.50 nm", "5.0 nm"])
@pytest.mark.parametrize("size", [18, 30, 50])
def test_a_pale_point_is_seen(text: str, size: int) -> None:
    gray, foreground = print_and_foreground(text, pale=".", size=size)
    assert hidden_print(gray, foreground, 255) == "point"


@pytest.mark.parametrize("text", ["100 nm", "25 um", "2 mm", "400nm"])
@pytest.mark.parametrize("ground", [0, 60, 150])
def test_nothing_is_seen_between_letters_that_were_all_kept(text: str, ground: int) -> None:
    gray, foreground = print_and_foreground(text, ground=ground)
    assert hidden_print(gray, foreground, 255) == ""


def test_a_pale_digit_is_seen() -> None:
    gray, foreground = print_and_foreground("1807 nm", pale="8")
    assert hidden_print(gray, foreground, 255) == "letter"
    assert hidden_print(gray, foreground, 255, letters=1) == ""


@pytest.mark.parametrize("text", [".5 nm", ".25 um"])
@pytest.mark.parametrize("size", [18, 30, 50])
def test_a_pale_point_before_the_first_letter_is_seen(text: str, size: int) -> None:
    gray, foreground = print_and_foreground(text, pale=".", size=size, before=size)
    assert hidden_print(gray, foreground, 255, before=size) == "first point"
    assert hidden_print(gray[:, size:], foreground[:, size:], 255) == ""


@pytest.mark.parametrize("text", ["100 nm", "5 um"])
def test_clear_ground_or_a_bright_specimen_before_the_first_letter_is_no_point(text: str) -> None:
    gray, foreground = print_and_foreground(text, before=30)
    assert hidden_print(gray, foreground, 255, before=30) == ""
    gray[:, :27] = 200
    assert hidden_print(gray, foreground, 255, before=30) == ""


def test_a_ground_like_the_foreground_and_a_single_letter_say_nothing() -> None:
    gray, foreground = print_and_foreground("1.5 nm", pale=".")
    assert hidden_print(np.full_like(gray, 250), foreground, 255) == ""
    assert hidden_print(gray[:, :8], foreground[:, :8], 255) == ""


def label_whose_first_letters_were_lost(
    text: str, kept: str, *, size: int = 22, background: int = 255
) -> tuple[np.ndarray, tuple[int, int, int, int], np.ndarray]:
    """Black print on background, the box of its last letters alone, and their foreground."""
    letters = font(size)
    page = Image.new("L", (220, 60), background)
    ImageDraw.Draw(page).text((40, 15), text, fill=0, font=letters)
    gray = np.asarray(page, dtype=np.uint8).copy()
    first = 40 + letters.getlength(text) - letters.getlength(kept)
    foreground = (gray < 100).astype(np.uint8)
    foreground[:, : round(first)] = 0
    rows, columns = np.flatnonzero(foreground.any(axis=1)), np.flatnonzero(foreground.any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    return gray, box, foreground[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


NO_MARK = (150, 30, 50, 3)


@pytest.mark.parametrize(
    ("text", "kept"), [("25 um", "5 um"), ("300 nm", "0 nm"), ("10 um", "0 um"), ("250 nm", "50 nm")]
)
@pytest.mark.parametrize("size", [19, 24, 40])
def test_a_digit_before_the_label_is_seen(text: str, kept: str, size: int) -> None:
    gray, box, foreground = label_whose_first_letters_were_lost(text, kept, size=size)
    assert has_letter_before(gray, box, foreground, 0, NO_MARK)
    assert has_letter_before(255 - gray, box, foreground, 255, NO_MARK)


def test_the_mark_a_word_apart_and_what_is_higher_than_a_letter_are_none() -> None:
    gray, box, foreground = label_whose_first_letters_were_lost("5 um", "5 um")
    x, y, _, height = box
    assert not has_letter_before(gray, box, foreground, 0, NO_MARK)
    tick = gray.copy()
    tick[y : y + height, x - 8 : x - 5] = 0
    assert has_letter_before(tick, box, foreground, 0, NO_MARK)
    assert not has_letter_before(tick, box, foreground, 0, (x - 40, y, 35, height))
    higher = gray.copy()
    higher[y - 8 : y + height + 8, x - 8 : x - 5] = 0
    assert not has_letter_before(higher, box, foreground, 0, NO_MARK)
    apart = gray.copy()
    apart[y : y + height, x - 22 : x - 14] = 0
    assert not has_letter_before(apart, box, foreground, 0, NO_MARK)
    pale = gray.copy()
    pale[y : y + height, x - 8 : x - 5] = 90
    assert not has_letter_before(pale, box, foreground, 0, NO_MARK)
    assert not has_letter_before(np.full_like(gray, 5), box, foreground, 0, NO_MARK)


def test_a_piece_much_higher_than_the_letters_starts_a_label_of_specimen() -> None:
    _, foreground = print_and_foreground("5 um", size=30)
    assert not starts_with_specimen(foreground)
    height, width = foreground.shape
    page = np.zeros((2 * height, width + 30), np.uint8)
    page[height // 2 : height // 2 + height, 30:] = foreground
    assert not starts_with_specimen(page)
    behind = page.copy()
    behind[:, -4:] = 1
    assert not starts_with_specimen(behind)
    page[:, 2:14] = 1
    assert starts_with_specimen(page)
    page[:, 30:] = 0
    assert not starts_with_specimen(page)
