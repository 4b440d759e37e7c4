"""Measures of quality answer to what they are named after, and to little else."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.imaging.quality import Quality, filled_share, measure_quality

Gray = NDArray[np.uint8]


def specimen(*, noise: float = 0.0, seed: int = 1) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.normal(size=(48, 64)).astype(np.float32), (512, 384), interpolation=cv2.INTER_CUBIC)
    return 128 + 30 * coarse.astype(np.float64) + rng.normal(0, noise, coarse.shape)


def gray(values: NDArray[np.float64]) -> Gray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 12.0])
def test_the_noise_that_was_added_is_found(sigma: float) -> None:
    assert measure_quality(gray(specimen(noise=sigma))).noise_levels == pytest.approx(sigma, rel=0.1)


def test_blur_lowers_the_focus_and_nothing_else() -> None:
    values = specimen(noise=3)
    sharp, soft = (measure_quality(gray(cv2.GaussianBlur(values, (0, 0), sigma))) for sigma in (0.3, 5))
    assert soft.focus < 0.5 * sharp.focus
    darker = measure_quality(gray(cv2.GaussianBlur(values, (0, 0), 0.3) / 2 + 20))
    assert darker.focus == pytest.approx(sharp.focus, rel=0.05), "not a matter of contrast"


def test_saturation_and_contrast() -> None:
    values = specimen()
    assert measure_quality(gray(values)).saturated_share < 0.001
    glaring = measure_quality(gray(128 + 6 * (values - 128)))
    assert glaring.saturated_share == pytest.approx(np.mean(np.abs(values - 128) > 127 / 6), abs=0.02)
    assert glaring.contrast_levels == 255


def test_what_was_filled_up() -> None:
    values = gray(specimen(noise=3))
    for rows, fill in ((96, 0), (240, 128), (384, 255)):
        filled = values.copy()
        filled[384 - rows :] = fill
        assert filled_share(filled) == rows / 384
    assert filled_share(values) == 0
    margins = np.pad(values, 40, constant_values=255)
    assert filled_share(margins) == 0, "what is above as well is a margin"


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (5, 5)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    assert measure_quality(np.zeros(shape, np.uint8)) == Quality(1.0, 1.0, 0.0, 0.0, 0.0)
