"""The benchmark of the whole job runs, at a tiny size."""

from benchmarks.whole_job import measure
from pipeline.config import load_recipe


def test_measures_every_stage() -> None:
    stages = ["walk", "pair", "labels", "pixels"]
    recipe = load_recipe(overrides={"run.stages": stages})
    found = measure(recipe, images_per_class=2, workers=1, engines=["local"])
    assert set(found["local"]["stages"]) == set(stages)
    assert 0 < found["local"]["second_run_seconds"] < found["local"]["seconds"]
    assert found["machine"]["cores"]
