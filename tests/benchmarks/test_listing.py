"""The benchmark of long listings runs, at a tiny size."""

from pathlib import Path

from benchmarks.listing import measure, write_names


def test_measures_the_listing_and_the_plan(tmp_path: Path) -> None:
    write_names(tmp_path / "corpus", 2100)
    found = measure(tmp_path / "corpus", tmp_path / "index")
    assert (found["files"], found["to_do"]) == (2100, 0)
    assert found["listing_seconds"] > 0
    assert found["machine"]["processor"]
