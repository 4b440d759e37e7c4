"""Pictures without a readable bar: a status each, no exception, and never a value."""

import io

import matplotlib
import numpy as np
import pytest

from pipeline.imaging.scale.reading import read_scale
from pipeline.records import SCALE_STATUSES_WITH_VALUE
from tests.imaging.scale.junk_pictures import KINDS, junk

_EACH = 20
_THOROUGHLY_EACH = 20


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_junk_has_no_scale(kind: int) -> None:
    for number in range(_EACH):
        name, gray = junk(kind + number * len(KINDS))
        # Looking all over a picture takes a hundred times as long: a part of each kind tells.
        reading = read_scale(gray, thoroughly=number % _THOROUGHLY_EACH == 0)
        assert reading.status not in SCALE_STATUSES_WITH_VALUE, (name, kind + number * len(KINDS), reading)
        assert reading.nm_per_px is None


@pytest.mark.parametrize("seed", range(4))
def test_the_legend_of_a_chart_is_no_scale_bar(seed: int) -> None:
    matplotlib.use("agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), dpi=100)
    axes = figure.subplots()
    rng = np.random.default_rng(seed)
    for label in ("200 nm", "5 \N{MICRO SIGN}m")[: 1 + seed % 2]:
        axes.plot(np.cumsum(rng.normal(size=50)), label=label, linewidth=3)
    axes.legend(loc="lower left")
    axes.set_xticks([10, 20, 30], ["10 \N{MICRO SIGN}m", "20 \N{MICRO SIGN}m", "30 \N{MICRO SIGN}m"])
    content = io.BytesIO()
    figure.savefig(content, format="png")
    reading = read_scale(content.getvalue())
    assert reading.nm_per_px is None, reading
