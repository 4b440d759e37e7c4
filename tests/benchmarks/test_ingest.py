"""The benchmark of the walk runs, at a tiny size."""

from pathlib import Path

from benchmarks.ingest import measure, show, write_corpus
from pipeline.config import load_recipe


def test_measures_the_walk_and_the_bare_loop(tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpus", 16)
    found = measure(tmp_path / "corpus", tmp_path, load_recipe(), workers=[1, 2])
    assert found["files"] == 16
    assert found["bare"]["files_per_second"] > 0
    assert found["walk"][2]["cpu_ms_per_file"] > 0.5 * found["bare"]["cpu_ms_per_file"] > 0
    assert 0 < found["walk"][1]["ratio"] < 2
    assert 0 < found["start_up_seconds"] < found["first_seconds"]
    assert found["nothing_seconds"] < found["first_seconds"]
    assert found["machine"]["processor"]
    assert found["walk"][2]["ratio"] > 0
    assert found["bare_at_once"][2]["ratio"] > 0
    assert "walk, 2 processes" in show(found)
    assert "bare loops, 2 at once" in show(found)
