"""The comparison of duplicate finders runs, at a tiny size and without the peers."""

from pathlib import Path

from benchmarks.duplicates import measure, pairs_of, score


def test_semcorpus_finds_all_pairs_of_a_small_heap_and_no_other(tmp_path: Path) -> None:
    found = measure(tmp_path, files=300, peers=None)
    assert found["files"] > 250
    assert found["semcorpus"]["wrong"] == 0
    assert found["semcorpus"]["recall"] == 1


def test_precision_and_recall_by_hand() -> None:
    true = pairs_of([["a", "b", "c"], ["d", "e"]])
    assert true == {("a", "b"), ("a", "c"), ("b", "c"), ("d", "e")}
    assert score({("a", "b"), ("a", "d")}, true) == {"found": 2, "wrong": 1, "precision": 0.5, "recall": 0.25}
    assert score(set(), true)["precision"] == 1
