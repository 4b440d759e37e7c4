"""The samples of the benchmark of imbalance: how many of each class, and what is a changed picture."""

import numpy as np

from benchmarks.imbalance import SAMPLES


def test_each_sample_has_the_classes_that_it_says() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (20, 32, 32), dtype=np.uint8)
    kinds = np.array([0] * 14 + [1] * 4 + [2] * 2)
    counts, found = {}, {}
    for name, sample in SAMPLES.items():
        rows, found[name] = sample(pictures, kinds, np.random.default_rng(0))
        assert len(rows) == len(found[name])
        counts[name] = np.bincount(kinds[rows]).tolist()
    assert counts["as they are"] == [14, 4, 2]
    assert counts["under-sampled"] == [2, 2, 2]
    assert counts["over-sampled"] == counts["over-sampled, changed"] == [14, 7, 7], "the mean is 6.7"
    changed = found["over-sampled, changed"]
    np.testing.assert_array_equal(changed[:20], pictures)
    assert not (changed[20:] == found["over-sampled"][20:]).all(axis=(1, 2)).any()
