"""The benchmark of the walk runs, at a tiny size."""

from pathlib import Path

from benchmarks.ingest import measure, write_corpus
from pipeline.config import load_recipe


def test_measures_the_walk_and_the_bare_loop(tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpus", 4)
    found = measure(tmp_path / "corpus", load_recipe(), workers=1, repeats=1)
    assert found["files"] == 4
    assert found["bare_files_per_second"] > 0
    assert 0 < found["ratio"] < 2
    assert 0 < found["nothing_seconds"] < found["walk_seconds"]
    assert found["machine"]["processor"]
