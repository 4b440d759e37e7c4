"""The greedy path of a CTC network against the same said in NumPy."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.imaging.scale.loops.ctc import greedy_path


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 30), st.integers(1, 6), st.booleans(), st.integers(0, 2**32 - 1))
def test_repeats_are_merged(steps: int, classes: int, at_peak: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = (rng.integers(0, 5, (steps, classes)) / 4).astype(np.float32)
    best = probabilities.argmax(axis=1).tolist()
    runs = [[step for step, _ in run] for _, run in groupby(enumerate(best), key=lambda one: one[1])]
    path, sure = greedy_path(probabilities, at_peak)
    assert path.tolist() == [best[run[0]] for run in runs]
    expected = [[float(probabilities[step, best[step]]) for step in run] for run in runs]
    assert sure.tolist() == [max(run) if at_peak else run[0] for run in expected]


@pytest.mark.parametrize(("at_peak", "sure"), [(False, [0.5, 0.75]), (True, [1.0, 0.75])])
def test_how_sure_a_class_of_several_steps_is(at_peak: bool, sure: list[float]) -> None:
    probabilities = np.array([[0.5, 0.25], [1.0, 0.0], [0.25, 0.75]], np.float32)
    path, found = greedy_path(probabilities, at_peak)
    assert path.tolist() == [0, 1]
    assert found.tolist() == sure
