"""A report is written anew when it is of another commit, and when any file of it is harmed."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.config import load_recipe
from pipeline.index.reports import publish_report
from pipeline.index.store import Index, create_index
from pipeline.stages.report.write import needs_writing, report_key


def publish(index: Index) -> None:
    tables, files = {"files": pa.table({"a": [1]})}, {"report.html": b"<html>"}
    key = report_key(load_recipe())
    publish_report(index.location, commit=index.work_commit, key=key, tables=tables, files=files, stamp={})


@pytest.mark.parametrize("kind", ["report.html", "files.parquet", "versions/*/report.html", "manifest.json"])
@pytest.mark.parametrize("lost", [True, False])
def test_a_harmed_report_is_written_anew(tmp_path: Path, kind: str, lost: bool) -> None:
    index = create_index(tmp_path / "index", attributes={})
    assert needs_writing(index, load_recipe())
    publish(index)
    assert not needs_writing(index, load_recipe())
    (file,) = (tmp_path / "index/reports").glob(kind)
    data = file.read_bytes()
    file.unlink()
    if not lost:
        file.write_bytes(data[:-1] + b"!")
    assert needs_writing(index, load_recipe())
    publish(index)
    assert not needs_writing(index, load_recipe())
    assert file.read_bytes() == data or kind == "manifest.json"
