"""Where an index may live."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.storage.location import Location


def test_local_paths_become_absolute_and_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Location.parse("index").path == tmp_path / "index"
    assert Location.parse(Path("a/../index")).url == str(tmp_path / "index")
    assert Location.parse("~/index").path == tmp_path / "home" / "index"
    assert Location.parse(f"file://{tmp_path}/index").url == str(tmp_path / "index")
    assert Location.parse("index").child("reports", "a.parquet").path == tmp_path / "index" / "reports" / "a.parquet"
    assert Location.parse("index").is_local


@pytest.mark.parametrize("text", ["s3://bucket/a/b", "s3://bucket/a/b/", "S3://bucket/a/b"])
def test_buckets(text: str) -> None:
    place = Location.parse(text)
    assert not place.is_local
    assert place.child("store").url == "s3://bucket/a/b/store"


@pytest.mark.parametrize("text", ["", " ", "file://", "s3://", "s3:///prefix", "gs://bucket/index", "https://x/y"])
def test_other_places_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Location.parse(text)


def test_a_prefix_is_taken_as_it_is_written() -> None:
    """A URL parser would cut it at # and ?, and give two indexes one store."""
    first, second = (repr(Location.parse(f"s3://b/run{mark}1").icechunk_storage()) for mark in "#?")
    assert "run#1" in first
    assert "run?1" in second


def test_icechunk_says_nothing_on_standard_output(tmp_path: Path) -> None:
    """It would warn there of local disks, before the JSON of a command that opens one."""
    program = (
        "import sys, icechunk; from pipeline.storage.location import Location; "
        "icechunk.Repository.create(Location.parse(sys.argv[1]).icechunk_storage())"
    )
    (tmp_path / "store").mkdir()
    command = [sys.executable, "-c", program, str(tmp_path / "store")]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == ""
