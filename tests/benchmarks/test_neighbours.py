"""The benchmark of neighbour search runs, at a tiny size."""

import pytest

from benchmarks.neighbours import SEARCHES, SETS, measure


def test_measures_every_search_but_faiss() -> None:
    searches = [name for name in SEARCHES if name != "faiss"]
    found = measure(rows=300, width=40, ks=[5, 2], sets=list(SETS), searches=searches)
    assert len(found["results"]) == 2 * 2 * len(searches)
    for result in found["results"]:
        assert result["recall"] == pytest.approx(1, abs=0 if result["search"] == "ours" else 0.01)
        assert result["seconds"] >= 0
    assert found["machine"]["cores"]
