"""Every stage stores the same bits in one process, on Dask and on Ray, for any shard size."""

from pathlib import Path

import pytest

from pipeline.engine import Engines
from pipeline.index.store import open_index
from tests.stages.conftest import OneEngine, cheap_recipe, run_job
from tests.stored import differing_arrays, stored_arrays

# The reference has shards of 32 rows, as have the jobs of the tests of both engines together.
CASES = [("local", 8), ("local", 64), ("dask", 8), ("ray", 8)]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def index(
    request: pytest.FixtureRequest, cluster: Engines, demo: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The demo's index made by one engine alone, with one shard size."""
    engine, shard_rows = request.param
    place = tmp_path_factory.mktemp("equal") / f"{engine}-{shard_rows}"
    recipe = cheap_recipe(demo, f"index.shard_rows={shard_rows}")
    run_job(demo, place, recipe, OneEngine(cluster.pick(engine, seconds=1e9)), report=False)
    return place


GROUPS = (
    "files",
    "images",
    "comparisons",
    "duplicates",
    "labels",
    "scale",
    "label_crops",
    "pixels",
    "networks",
    "embeddings",
    "codes",
    "neighbours",
    "dimension",
    "spectrum",
    "distances",
    "clusters",
    "cluster_models",
    "quality",
    "category_tree",
    "category_members",
    "category_scores",
    "agreement",
    "confusion",
)


def test_the_same_bits(index: Path, reference_index: Path) -> None:
    assert differing_arrays(index, reference_index) == []


def test_every_stage_has_stored_something(reference_index: Path) -> None:
    filled = {name.split("/")[0] for name, values in stored_arrays(reference_index).items() if values.size}
    assert set(GROUPS) <= filled


def test_every_engine_did_the_work_itself(index: Path) -> None:
    engine = index.name.partition("-")[0]
    used = {commit.metadata["engine"] for commit in open_index(index).history() if commit.metadata.get("items")}
    assert used == {engine}
