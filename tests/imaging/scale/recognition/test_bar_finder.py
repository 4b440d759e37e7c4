"""The networks that find the bar of a label, and what they see."""

import numpy as np
import pytest

from pipeline.errors import WeightsError
from pipeline.imaging.scale.recognition.bar_finder import bar_finder
from pipeline.imaging.scale.recognition.bar_views import CLOSE, WIDE, view_of_end, view_of_label
from pipeline.imaging.scale.recognition.network import network_session
from training.bar_pictures import BarWindow, windows

UNSEEN_SEED = 918_273


@pytest.fixture(scope="module")
def drawn() -> list[BarWindow]:
    """Windows that no training drew, whose label can be told from its ground."""
    return [one for one in windows(UNSEEN_SEED, 32) if abs(one.foreground - one.background) >= 40]


def test_what_they_are_sure_of_is_right_whatever_the_bar_looks_like(drawn: list[BarWindow]) -> None:
    sure = right = 0
    for one in drawn:
        bar = bar_finder().find(one.gray, one.label, one.foreground, one.background)
        if bar.share < 0.75 or bar.end_share < 0.5:
            continue
        sure += 1
        if one.ends is not None:
            length = one.ends[1][0] - one.ends[0][0]
            right += abs(bar.length_px - length) <= max(2.0, 0.03 * length)
    assert sure >= 0.5 * sum(one.ends is not None for one in drawn)
    assert right >= 0.95 * sure


def test_white_on_black_and_black_on_white_are_one() -> None:
    gray = np.full((120, 500), 20, np.uint8)
    gray[40:60, 100:160] = 240
    gray[80:86, 60:220] = 240
    bars = [
        bar_finder().find(picture, (100, 40, 60, 20), foreground, background)
        for picture, foreground, background in ((gray, 240, 20), (255 - gray, 15, 235))
    ]
    assert bars[0].left == pytest.approx(bars[1].left, abs=0.01)
    assert bars[0].length_px == pytest.approx(160, abs=2)
    assert bars[0].row == pytest.approx(83, abs=4)


@pytest.mark.parametrize("letters_px", [8, 20, 45])
def test_a_view_of_a_label_has_it_in_its_middle_at_one_size(letters_px: int) -> None:
    gray = np.zeros((400, 900), np.uint8)
    label = (430, 180, 5 * letters_px, letters_px)
    gray[180 : 180 + letters_px, 430 : 430 + 5 * letters_px] = 200
    view = view_of_label(gray, label, 200, 0)
    assert view.page.shape == (3, *WIDE)
    covered = view.page[0] > 0.5
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    assert len(rows) == pytest.approx(10, abs=1)
    assert len(columns) == pytest.approx(50, abs=2)
    assert (view.page[1] * covered).sum() >= 0.85 * covered.sum()
    left = view.left + columns[0] / view.scale
    assert left == pytest.approx(430, abs=1.5 / view.scale)


def test_beyond_the_picture_there_is_nothing_and_it_is_told() -> None:
    view = view_of_label(np.full((60, 100), 90, np.uint8), (2, 2, 30, 12), 200, 90)
    assert view.page[2].min() == 0
    assert not view.page[0][view.page[2] == 0].any()


def test_a_right_end_is_turned_round_into_a_left_one() -> None:
    gray = np.zeros((100, 300), np.uint8)
    gray[48:54, 100:200] = 255
    left = view_of_end(gray, (100, 51), 14, 255, 0, is_left=True)
    right = view_of_end(gray, (200, 51), 14, 255, 0, is_left=False)
    assert left.page.shape == (2, *CLOSE)
    assert np.array_equal(left.page, right.page)


def test_missing_weights_are_said_with_the_way_out() -> None:
    with pytest.raises(WeightsError, match=r"no none\.onnx beside the reader.*training"):
        network_session("none.onnx")
