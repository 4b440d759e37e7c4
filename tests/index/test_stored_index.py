"""Indexes of older versions are opened, checked, reported and continued; `tests/data` says how they were made."""

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from jobs.main import call
from pipeline.index.report_tables import report_tables
from pipeline.index.schema import Sources
from pipeline.index.store import open_index
from pipeline.operations.remembered import stored_recipe
from pipeline.stages.clustering.stored import stored_clusterings
from pipeline.stages.registry import TABLES

ARCHIVES = Path(__file__).parents[1] / "data"


@pytest.fixture(params=["index_format_1", "index_format_1_early"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A stored index, unpacked, whose corpus lies where it was unpacked."""
    with tarfile.open(ARCHIVES / f"{request.param}.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    transaction = open_index(tmp_path / "index").begin()
    transaction.root.attrs["corpus"] = str(tmp_path / "corpus")
    transaction.commit("moved", {"stage": "settings", "kind": "layout"})
    return tmp_path / "index"


def _clusterings(index: Path) -> set[str]:
    opened = open_index(index)
    stored = stored_clusterings(opened.read(), stored_recipe(opened))
    return {one.name for found in stored for one in found.clusterings}


def test_an_index_of_an_older_version(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _clusterings(stored)
    assert any(name.endswith("-kmeans-k2") for name in before)
    fresh = np.random.default_rng(9).integers(0, 255, (48, 64)).astype(np.uint8)
    (stored.parent / "corpus" / "new.png").write_bytes(cv2.imencode(".png", fresh)[1].tobytes())
    for command in ("walk", "pair", "verify"):  # a walk first: the archive keeps no parts of a second
        assert call([command, str(stored), "--quiet"]) == 0, capsys.readouterr()
    index = open_index(stored)
    reported = report_tables(TABLES, Sources(index.read(), stored_recipe(index), index.history()))
    assert reported["images"].num_rows == 6
    assert set(reported["clusterings"]["clustering"].to_pylist()) == before
    assert reported["autoencoders"].num_rows > 0
