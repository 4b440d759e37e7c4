"""The measurement of hierarchical k-means runs, and its rows do not depend on how they are read."""

import numpy as np

from benchmarks.hierarchical_kmeans import MadeRows, main


def test_it_measures() -> None:
    (found,) = main(["--rows", "20000", "--features", "4", "--k", "20", "4", "--resamples", "1"])
    assert found["cpu_seconds"] > 0
    rows = MadeRows(4)
    np.testing.assert_array_equal(rows(16_000, 17_000), rows(0, 20_000)[16_000:17_000])
