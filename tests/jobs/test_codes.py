"""semcorpus codes: errors against the definition, the figures, the list of outliers."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.main import call
from pipeline.index.store import open_index
from pipeline.models.serialisation import build_encoder
from pipeline.operations.remembered import stored_recipe
from pipeline.stages.vectors.sets import find_vectors, fit_key
from pipeline.stages.vectors.stored_networks import current_network, read_network


def test_codes_draws_figures_and_lists_the_worst_first(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["codes", str(finished), str(tmp_path / "out"), "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    root, recipe = (index := open_index(finished)).read(), stored_recipe(index)
    vectors = find_vectors(root, recipe, "cae").read(root)
    encoder: Any = build_encoder(read_network(root, "sae", _network(root, recipe)))
    back = encoder.decode(encoder.encode(vectors))
    expected = ((vectors - back) ** 2).mean(axis=1) / vectors.var(axis=0).mean()
    with (tmp_path / "out" / "outliers.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = np.array([float(row["error"]) for row in rows])
    np.testing.assert_allclose(found, np.sort(expected)[::-1], rtol=1e-4)
    assert said["error"] == pytest.approx(expected.mean(), rel=1e-4)
    assert said["pictures"] == len(vectors) == len({row["md5"] for row in rows})
    assert all(row["path"] for row in rows)
    for name in ("losses", "reconstructions", "codes", "errors", "worst"):
        assert (tmp_path / "out" / f"{name}.svg").stat().st_size > 5_000


def _network(root: Any, recipe: Any) -> str:
    fit = fit_key(root, recipe, recipe.autoencode[0])
    assert fit is not None
    found = current_network(root, "sae", fit)
    assert found is not None
    return found


def test_codes_that_are_not_there_are_named(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["codes", str(finished), str(tmp_path), "--name", "other"]) == 2
    assert "no codes other (it has sae)" in " ".join(capsys.readouterr().err.split())
