"""The figure of the toy sets is drawn, and its numbers are those of the methods."""

import json
from pathlib import Path

from benchmarks.toys import METHODS, main


def test_draws_every_set_by_every_method(tmp_path: Path) -> None:
    main(["--rows", "300", "--output", str(tmp_path / "toys.png"), "--json", str(tmp_path / "toys.json")])
    assert (tmp_path / "toys.png").stat().st_size > 50_000
    results = json.loads((tmp_path / "toys.json").read_text())["results"]
    assert len(results) == 6 * len(METHODS)
    scores = {(one["set"], one["method"]): one["nmi"] for one in results}
    assert scores["blobs", "Ward"] > 0.9
    assert scores["moons", "Ward"] < 0.9
    assert scores["no structure", "Ward"] is None
    assert all(one["clusters"] >= 1 for one in results if not one["refused"])
