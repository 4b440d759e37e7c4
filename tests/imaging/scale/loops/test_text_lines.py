"""Letters in lines, marks in rows and windows of whole pieces, against plain Python."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from pipeline.imaging.scale.loops.text_lines import count_in_row, like_labels, lines_of_text, window_of_whole_pieces


def _pieces(count: int, seed: int, *, field: int = 300) -> NDArray[np.int32]:
    rng = np.random.default_rng(seed)
    corner, size = rng.integers(0, field, (count, 2)), rng.integers(1, 20, (count, 2))
    return np.column_stack([corner, size, size.prod(axis=1)]).astype(np.int32)


@pytest.mark.parametrize(("count", "field"), [(0, 300), (1, 300), (60, 800), (60, 300), (200, 300)])
def test_lines_are_the_connected_components_of_neighbours(count: int, field: int) -> None:
    letters = _pieces(count, count, field=field)
    x0, y0, width, height, _ = letters.astype(float).T
    x1, y1 = x0 + width, y0 + height
    gap = np.maximum.outer(x0, x0) - np.minimum.outer(x1, x1)
    overlap = np.minimum.outer(y1, y1) - np.maximum.outer(y0, y0)
    shorter, taller = np.minimum.outer(height, height), np.maximum.outer(height, height)
    near = (gap <= 1.2 * taller) & (overlap >= 0.5 * shorter) & (taller <= 12 * shorter)
    line = connected_components(csr_array(near), directed=False)[1] if count else np.zeros(0, int)
    expected = []
    for number in dict.fromkeys(line.tolist()):
        of = line == number
        left, top = x0[of].min(), y0[of].min()
        expected.append([left, top, x1[of].max() - left, y1[of].max() - top])
    assert lines_of_text(letters, 1.2).tolist() == expected


def test_marks_of_one_size_in_a_row_are_counted_from_each_to_the_right() -> None:
    marks = np.array([[10 * i, 5 + (i == 3), 2, 8, 16] for i in range(6)] + [[12, 5, 2, 30, 60]], np.int32)
    assert count_in_row(marks, 1, 1, 0.0, 0.0).tolist() == [5, 4, 3, 1, 2, 1, 1]
    assert count_in_row(marks, 1, 1, 1.0, 0.0).tolist() == [6, 5, 4, 3, 2, 1, 1]
    assert count_in_row(marks, 1, 1, 0.0, 0.05).tolist() == [6, 5, 3, 2, 2, 1, 1]


@pytest.mark.parametrize("seed", range(12))
def test_a_window_grows_until_it_cuts_no_piece(seed: int) -> None:
    pieces = _pieces(25, seed)
    left, top, right, bottom = 100, 100, 160, 140
    while True:
        x, y, width, height, _ = pieces.T
        inside = (x < right) & (x + width > left) & (y < bottom) & (y + height > top)
        wider = [min([left, *x[inside]]), min([top, *y[inside]])]
        wider += [max([right, *(x + width)[inside]]), max([bottom, *(y + height)[inside]])]
        if wider == [left, top, right, bottom]:
            break
        left, top, right, bottom = wider
    found, window = window_of_whole_pieces(pieces, (100, 100, 160, 140))
    assert found.tolist() == inside.tolist()
    assert window == (left, top, right, bottom)


def test_lines_of_the_size_and_shape_of_a_label() -> None:
    rng = np.random.default_rng(3)
    lines = rng.integers(1, 120, (300, 4)).astype(np.int32)
    _, _, width, height = lines.T
    expected = lines[(height >= 7) & (width >= 1.2 * height) & (width <= 14.0 * height) & (width <= 80.5)]
    assert 0 < len(expected) < len(lines)
    assert np.array_equal(like_labels(lines, 7, (1.2, 14.0), 80.5), expected)
    assert len(like_labels(lines[:0], 7, (1.2, 14.0), 80.5)) == 0
