"""`auto` plans for GPUs where the driver sees one, and for processors where it sees none."""

from pathlib import Path
from types import ModuleType

import pytest
import torch

from pipeline.corpus.source import Corpus
from pipeline.index.store import open_index
from pipeline.runtime.plan import Context
from pipeline.stages.clustering import cluster
from pipeline.stages.neighbours import search
from tests.stages.conftest import cheap_recipe


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize(
    ("stage", "settings"),
    [
        (cluster, ['cluster.methods=[{method = "kmeans", k = [4], device = "auto"}]']),
        (search, ['cluster.methods=["ward"]', "neighbours.k=3", "neighbours.device=auto"]),
    ],
)
def test_auto(
    stage: ModuleType,
    settings: list[str],
    seen: bool,
    demo: Path,
    reference_index: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: seen)
    recipe = cheap_recipe(demo, *settings)
    context = Context(open_index(reference_index).read(), recipe, Corpus(str(demo / "corpus"), recipe.corpus))
    plan = stage.plan(context)
    assert (plan.engine, plan.gpus) == (("ray", 1.0) if seen else ("dask", 0.0))
