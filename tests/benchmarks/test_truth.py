"""The index of a made heap agrees with its truth in every row, before and after a night of changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.truth import counting_decodings, disagreements, run_first_stages
from pipeline.demo.heap.edits import edit_heap
from pipeline.demo.heap.heap import write_heap
from pipeline.demo.heap.obstacles import unlock
from pipeline.demo.truth import read_truth
from pipeline.engine import EngineChoice
from pipeline.stages.ledger import read_files

FILES = 900


@pytest.fixture
def heap(tmp_path: Path) -> Iterator[Path]:
    write_heap(tmp_path / "heap", files=FILES)
    yield tmp_path / "heap"
    unlock(tmp_path / "heap/corpus")


def test_the_index_of_the_heap_agrees_with_its_truth(heap: Path) -> None:
    """Every kind of file, picture, relation and label; then 1% of the files change."""
    place, engines = heap / "index", EngineChoice.parse("local")
    index, _ = run_first_stages(heap, place, engines=engines)
    assert len(read_files(index.read())["path"]) == FILES
    assert disagreements(index, heap) == []
    edits = edit_heap(heap)
    with counting_decodings() as decoded:
        index, _ = run_first_stages(heap, place, engines=engines)
    assert disagreements(index, heap) == []
    assert edits.changed_files > edits.new_contents > 0
    assert len(decoded) == edits.new_contents, "a renamed or moved file is not decoded"


def test_a_wrong_truth_is_noticed(heap: Path) -> None:
    """The comparison is no rubber stamp: each kind of disagreement is named."""
    index, _ = run_first_stages(heap, heap / "index", engines=EngineChoice.parse("local"))
    truth = read_truth(heap / "truth.parquet")
    assert {row.relation for row in truth} >= {"near", "crop", "thumbnail", "other_bar", "same_pixels", "same_picture"}
    edit_heap(heap)
    found = disagreements(index, heap)
    for word in ("not in the ledger", "status is", "label set"):
        assert any(word in line for line in found), word
