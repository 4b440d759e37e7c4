"""Temperatures and calibration errors: by hand, and of scores whose true temperature is known."""

import numpy as np
import pytest

from pipeline.kernels.calibration import (
    calibrated_error,
    expected_calibration_error,
    fit_temperature,
    probabilities,
)


def test_the_error_by_hand() -> None:
    """Four pictures of confidence 0.9, three right; one of 0.6, wrong."""
    chances = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]])
    expected = (abs(4 * 0.9 - 3) + 0.6) / 5
    assert expected_calibration_error(chances, np.array([0, 0, 0, 1, 1])) == pytest.approx(expected)


def test_the_temperature_of_scores_that_are_too_sure() -> None:
    """Classes drawn from the softmax of scores, of which three times as much is told."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1.5, (4000, 5))
    classes = np.array([rng.choice(5, p=row) for row in probabilities(scores, 1.0)])
    assert fit_temperature(3 * scores, classes) == pytest.approx(3, rel=0.08)
    assert expected_calibration_error(probabilities(3 * scores, 1.0), classes) > 0.2
    assert calibrated_error(3 * scores, classes) < 0.03


def test_nothing_is_calibrated_by_nothing() -> None:
    nothing = np.zeros((0, 3)), np.zeros(0, np.int64)
    assert fit_temperature(*nothing) == 1.0
    assert np.isnan(calibrated_error(*nothing))
