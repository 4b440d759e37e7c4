"""The rows of ``scale/``."""

import numpy as np
import zarr

from pipeline.index.rows import Shard, require_rows, write_shard
from pipeline.records import ScaleReading
from pipeline.stages.scale.rows import ARRAYS, GROUP, ScaleRow, read_columns, scale_columns, stored_reading

READINGS = (
    ScaleReading("read", "bar", "2 um", 2000.0, 100.0, 20.0, segment_box=(1, 2, 3, 4), field_box=(5, 6, 7, 8)),
    ScaleReading("no_bar", reason="nothing"),
)


def _stored() -> zarr.Group:
    root = zarr.create_group(zarr.storage.MemoryStore())
    require_rows(root, GROUP, ARRAYS, 2, 4)
    columns = scale_columns([ScaleRow(reading) for reading in READINGS])
    write_shard(root, GROUP, Shard(0, 0, 2), np.arange(2), columns, 7)
    return root


def test_readings_come_back() -> None:
    columns = read_columns(_stored(), 0, 2)
    assert tuple(stored_reading(columns, row) for row in range(2)) == READINGS


def test_what_an_older_version_did_not_store_is_empty() -> None:
    root = _stored()
    del root[f"{GROUP}/field_box"]
    columns = read_columns(root, 0, 2)
    first = stored_reading(columns, 0)
    assert (first.field_box, first.segment_box) == (None, (1, 2, 3, 4))
    assert stored_reading(columns, 1) == READINGS[1]
    assert len(read_columns(root, 1, 5)["field_box"]) == 1
