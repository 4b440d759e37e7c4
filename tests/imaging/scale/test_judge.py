"""The judge's own truth: the bar that a drawing says it has is measured on its pixels."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.imaging.scale.judge_bait import KINDS, bait_sample
from tests.imaging.scale.judge_canvas import WHITE, Canvas
from tests.imaging.scale.judge_drawings import DRAW, STYLES, judge_sample

_THICKEST_TICK = 4


def _flat(seed: int) -> Canvas:
    """A gray ground with a label shorter than any bar."""
    pixels = np.full((600, 800, 3), 150, np.float32)
    return Canvas(pixels, np.random.default_rng(seed), "DejaVuSans narrow", "5 nm", 20, WHITE)


def _runs(line: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Lengths of the stretches of a line of pixels, (n, 3), that keep one colour."""
    changes = np.flatnonzero(np.any(line[1:] != line[:-1], axis=1))
    return np.diff(np.concatenate([[-1], changes, [len(line) - 1]]))


def _span(pixels: NDArray[np.uint8], style: str) -> list[float]:
    """Candidates for the bar's length: stretches along rows, or columns where the bar is upright."""
    if style == "dots":
        foot = pixels[602:620, :, 0] > 128
        columns = np.flatnonzero(foot.any(axis=0))
        return [float(columns[-1] - columns[0] - 2)]
    if style == "by_hand":
        lower = pixels[-46:, :, 0] > 200 if pixels[-46:, :, 0].max() > 200 else pixels[:100, :, 0] > 200
        columns = np.flatnonzero(lower.any(axis=0))
        return [float(columns[-1] - columns[0])]
    lines = pixels.transpose(1, 0, 2) if style == "upright" else pixels
    return [float(run) for line in lines for run in _runs(line)]


@pytest.mark.parametrize("style", STYLES)
def test_the_bar_is_as_long_as_the_truth_says(style: str) -> None:
    drawn = []
    for seed, asked in ((1, 113.0), (2, 137.0), (3, 167.0)):
        canvas = _flat(seed)
        length = DRAW[style](canvas, asked)
        drawn.append((length, np.asarray(_span(canvas.done(), style))))
    assert all(_holds(spans, length) for length, spans in drawn), [length for length, _ in drawn]
    for share in (0.9, 1.1):
        assert not all(_holds(spans, share * length) for length, spans in drawn), share


def _holds(spans: NDArray[np.float64], length: float) -> bool:
    """A line's stretch reaches to its ticks' outer edges; an edge within a pixel is a half-tone on either side."""
    return bool(np.any((spans >= length - 1.1) & (spans <= length + _THICKEST_TICK)))


def test_a_seed_is_a_picture_and_spoiling_keeps_the_truth() -> None:
    first, again = judge_sample(5), judge_sample(5)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    clean = judge_sample(5, clean=True)
    shrunk = first.pixels.shape[1] / clean.pixels.shape[1]
    assert first.length_px == pytest.approx(clean.length_px * shrunk, rel=0.005)


def test_every_kind_of_bait_has_its_seeds() -> None:
    drawn = [bait_sample(seed) for seed in range(len(KINDS))]
    assert {kind for kind, _ in drawn} == set(KINDS)
    assert all(pixels.dtype == np.uint8 for _, pixels in drawn)
