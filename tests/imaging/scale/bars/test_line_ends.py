"""What stands at the ends of a line."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.imaging.scale.bars.line_ends import has_arrow_head, has_other_half
from pipeline.imaging.scale.bars.segment import Segment, edge_blur, with_exact_length
from pipeline.imaging.scale.candidates import ScaleCandidate
from pipeline.imaging.scale.decision.verdict import implausible
from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.labels.value import parse_label
from pipeline.imaging.scale.regions.databar import DataBar


def _line(*, ticks: bool = False, heads: bool = False) -> NDArray[np.uint8]:
    gray = np.full((60, 240), 60, np.uint8)
    gray[29:31, 40:200] = 255
    if ticks:
        gray[22:38, 40:42] = gray[22:38, 198:200] = 255
    if heads:
        for tip, step in ((40, 1), (199, -1)):
            for depth in range(10):
                gray[30 - depth // 2 - 1 : 30 + depth // 2 + 1, tip + depth * step] = 255
    return gray


@pytest.mark.parametrize(
    ("ticks", "heads", "expected"), [(False, False, False), (True, False, False), (False, True, True)]
)
@pytest.mark.parametrize("blur", [0.0, 0.7])
def test_arrow_heads_are_told_from_ticks(ticks: bool, heads: bool, expected: bool, blur: float) -> None:
    gray = _line(ticks=ticks, heads=heads)
    gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), blur), np.uint8) if blur else gray
    for line in ((40, 29, 160, 2), (48, 29, 144, 2)):
        assert has_arrow_head(gray, line) == expected
    assert not has_arrow_head(np.full((60, 240), 60, np.uint8), (40, 29, 160, 2))


def test_a_line_that_goes_on_behind_its_label_is_half_a_bar() -> None:
    gray = np.full((60, 300), 60, np.uint8)
    gray[29:31, 20:80] = 255
    label = (90, 20, 60, 20)
    assert not has_other_half(gray, (20, 29, 60, 2), label)
    gray[29:31, 160:220] = 255
    assert has_other_half(gray, (20, 29, 60, 2), label)
    assert has_other_half(gray, (160, 29, 60, 2), label)


@pytest.mark.parametrize(("length", "blur", "is_open"), [(48, 0.5, False), (48, 2.0, True), (200, 2.0, False)])
def test_a_short_bar_with_blurred_ends_has_no_certain_length(length: int, blur: float, is_open: bool) -> None:
    gray = np.full((60, 300), 60, np.uint8)
    gray[28:36, 40 : 40 + length] = 240
    gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), blur), np.uint8)
    box = (40, 28, length, 8)
    segment = with_exact_length(gray, Segment("solid", box, float(length), box))
    assert segment.length_px == pytest.approx(length, abs=0.5)
    reading = LabelReading("20 nm", parse_label("20 nm"), True, 0.99, "")
    why = implausible(ScaleCandidate(DataBar(0, 60, 0, 300, "picture", 240), segment, None, reading), 300)
    assert ("blurred" in why) == is_open


def test_an_edge_takes_half_a_pixel_from_one_level_to_the_next() -> None:
    assert edge_blur(np.array([0.0, 0.0, 1.0, 1.0])) == pytest.approx(0.5)
    assert edge_blur(np.array([0.0, 0.0, 0.5, 1.0, 1.0])) == pytest.approx(1.0)
    assert edge_blur(np.ones(4)) == 0.0
