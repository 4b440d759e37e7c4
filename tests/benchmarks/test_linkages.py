"""The benchmark of the linkages runs, at a tiny size, and compares with the peers."""

import json
from pathlib import Path

import pytest

from benchmarks.linkages import METHODS, main


def test_measures_ours_beside_the_peers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "table.json"
    main(["--rows", "400", "--width", "30", "--output", str(output)])
    results = json.loads(output.read_text())[0]["results"]
    assert [one["method"] for one in results] == list(METHODS)
    assert all(one["difference"] < 1e-5 and one["ratio"] > 0 and one["peer_ratio"] > 0 for one in results)
    assert sum(one.get("other_merges", 0) for one in results) == 0
    assert "peer" in capsys.readouterr().out
