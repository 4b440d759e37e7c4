"""The index of a made heap agrees with its truth in every row, before and after a night of changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.truth import counting_decodings, disagreements, label_counts, run_first_stages
from pipeline.demo.heap.edits import edit_heap
from pipeline.demo.heap.heap import write_heap
from pipeline.demo.heap.obstacles import unlock
from pipeline.engine import EngineChoice
from pipeline.stages.files.ledger import read_files

FILES = 300


@pytest.fixture
def heap(tmp_path: Path) -> Iterator[Path]:
    write_heap(tmp_path / "heap", files=FILES)
    yield tmp_path / "heap"
    unlock(tmp_path / "heap/corpus")


def test_the_index_of_the_heap_agrees_with_its_truth(heap: Path) -> None:
    """Every row, picture, relation and label; then 1% of the files change, and so does the truth."""
    place, engines = heap / "index", EngineChoice.parse("local")
    index, _ = run_first_stages(heap, place, engines=engines)
    assert len(read_files(index.read())["path"]) == FILES
    assert disagreements(index, heap) == []
    edits = edit_heap(heap)
    stale = disagreements(index, heap)
    for word in ("not in the ledger", "status is"):
        assert any(word in line for line in stale), f"no disagreement with an index of yesterday says {word!r}"
    with counting_decodings() as decoded:
        index, _ = run_first_stages(heap, place, engines=engines)
    assert disagreements(index, heap) == []
    assert edits.changed_files > edits.new_contents > 0
    assert len(decoded) == edits.new_contents, "a renamed or moved file is not decoded"


def test_label_counts_by_hand() -> None:
    meant = [
        ("Tips", "a", "p"),
        ("Tips", "a", "p"),  # repeated
        ("Wires", "b", "p"),  # another file of the same picture with another label
        ("Tips", "c", None),
        ("Wires", "c", None),  # contradictory, and in no picture
        ("Tips", None, None),  # cannot be read
    ]
    assert label_counts(meant) == {
        "files": 6,
        "unique": 3,
        "matched": 2,
        "unmatched": 2,
        "repeated": 2,
        "contradictory": 2,
    }
