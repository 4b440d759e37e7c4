"""Pictures without a readable bar: a status each, no exception, and never a value."""

import pytest

from pipeline.imaging.scale import read_scale
from pipeline.records import SCALE_STATUSES_WITH_VALUE
from tests.imaging.junk_pictures import KINDS, junk

_EACH = 38


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_junk_has_no_scale(kind: int) -> None:
    for number in range(_EACH):
        name, gray = junk(kind + number * len(KINDS))
        reading = read_scale(gray)
        assert reading.status not in SCALE_STATUSES_WITH_VALUE, (name, kind + number * len(KINDS), reading)
        assert reading.nm_per_px is None
