"""The benchmark of neighbour search runs, at a tiny size."""

import json
from pathlib import Path

import pytest

from benchmarks.neighbours import SEARCHES, SETS, installed, main, measure

EXACT = ["ours", "ours-torch", "scikit-learn", "torch"]
SLOW = ["workers-2", "pynndescent"]  # processes; a minute of compiling


def test_measures_every_exact_search_that_is_installed() -> None:
    found = measure(rows=300, width=40, ks=[5, 2], sets=list(SETS), searches=EXACT)
    assert len(found) == 2 * 2 * len(EXACT)
    for result in found:
        assert result["recall"] == pytest.approx(1, abs=0 if result["search"] == "ours" else 0.01)
        assert result["seconds"] >= 0


def test_parts_are_kept_in_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "table.json"
    for search in ("ours", "torch"):
        sizes = ["--rows", "200", "--width", "9", "--k", "3", "--sets", "noise"]
        main([*sizes, "--searches", search, "--output", str(output)])
    kept = json.loads(output.read_text())
    assert [part["results"][0]["search"] for part in kept] == ["ours", "torch"]
    assert kept[0]["machine"]["cores"]
    printed = capsys.readouterr().out.splitlines()
    assert "ours" in printed[-2]
    assert "torch" in printed[-1]


@pytest.mark.parametrize("search", [name for name in SEARCHES if name not in EXACT + SLOW])
def test_the_peers_where_they_are_installed(search: str) -> None:
    if not installed(search):
        pytest.skip(f"{search} is not installed")
    (found,) = measure(rows=400, width=20, ks=[5], sets=["bent"], searches=[search])
    assert found["recall"] > 0.8
