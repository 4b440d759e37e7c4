"""The benchmark of the whole job runs, at a tiny size."""

from benchmarks.whole_job import measure
from pipeline.config import STAGE_NAMES, load_recipe
from tests.stages.conftest import CHEAP


def test_measures_every_stage() -> None:
    found = measure(load_recipe(assignments=CHEAP), images_per_class=2, workers=1, engines=["local"])
    assert set(found["local"]["stages"]) == set(STAGE_NAMES)
    assert 0 < found["local"]["second_run_seconds"] < found["local"]["seconds"]
    assert found["machine"]["cores"]
