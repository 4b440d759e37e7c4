"""Lines of settings in a data bar."""

import cv2
import numpy as np

from pipeline.imaging.scale.foreground_pieces import piece_boxes
from pipeline.imaging.scale.regions.text_lines import text_lines


def _foreground(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (80, 600)) -> np.ndarray:
    foreground = np.zeros(shape, np.uint8)
    for x, y, width, height in boxes:
        foreground[y : y + height, x : x + width] = 1
    return foreground


def _letters(x: int, y: int, count: int, *, height: int = 10, gap: int = 3) -> list[tuple[int, int, int, int]]:
    return [(x + i * (6 + gap), y, 6, height) for i in range(count)]


def test_rows_and_columns_are_kept_apart_by_hand() -> None:
    foreground = _foreground(*_letters(10, 5, 4), *_letters(10, 30, 5), *_letters(100, 5, 3))
    assert text_lines(piece_boxes(foreground)) == [(10, 5, 33, 10), (100, 5, 24, 10), (10, 30, 42, 10)]


def test_words_of_one_setting_stay_together() -> None:
    foreground = _foreground(*_letters(10, 5, 3), *_letters(10 + 24 + 11, 5, 4))
    assert text_lines(piece_boxes(foreground)) == [(10, 5, 68, 10)]


def test_a_logo_and_a_divider_join_nothing() -> None:
    foreground = _foreground(*_letters(10, 5, 6), *_letters(10, 30, 6), (70, 2, 30, 60), (106, 0, 2, 80))
    assert text_lines(piece_boxes(foreground)) == [(10, 5, 51, 10), (10, 30, 51, 10)]


def test_points_and_the_bars_of_an_equals_sign_belong_to_their_line() -> None:
    foreground = _foreground(*_letters(10, 5, 2), (28, 13, 2, 2), (34, 8, 6, 2), (34, 12, 6, 2), *_letters(44, 5, 1))
    assert text_lines(piece_boxes(foreground)) == [(10, 5, 40, 10)]


def test_a_line_too_long_for_a_setting_is_taken_apart_at_its_widest_gaps() -> None:
    first, second = _letters(10, 5, 9), _letters(10 + 9 * 9 + 8, 5, 9)
    assert text_lines(piece_boxes(_foreground(*first, *second))) == [(10, 5, 78, 10), (99, 5, 78, 10)]


def test_nothing_and_specks() -> None:
    assert text_lines(piece_boxes(np.zeros((40, 40), np.uint8))) == []
    assert text_lines(piece_boxes(_foreground((5, 5, 2, 2), (9, 9, 1, 1)))) == []


def test_moving_the_print_moves_the_lines() -> None:
    page = np.zeros((80, 500), np.uint8)
    for text, x, y in (("HFW 20.7 um", 10, 24), ("Mag = 5.00 K X", 10, 54), ("WD 10 mm", 320, 24)):
        cv2.putText(page, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 1, 1)
    lines = text_lines(piece_boxes(page))
    moved = text_lines(piece_boxes(np.roll(page, (7, 11), (0, 1))))
    assert len(lines) == 3
    assert moved == [(x + 11, y + 7, width, height) for x, y, width, height in lines]
