"""semcorpus tune: trials on Ray Tune, their table, the best network kept and applied; nothing is done twice."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.main import call
from pipeline.errors import StageError
from pipeline.index.store import open_index
from pipeline.index.tables import read_table
from pipeline.models.serialisation import build_encoder
from pipeline.operations.code_search import train_point
from pipeline.operations.remembered import stored_recipe
from pipeline.stages.files.ledger import picture_ids
from pipeline.stages.vectors.sets import find_vectors, fit_key
from pipeline.stages.vectors.stored_networks import current_network, read_network

GRID = ("--first", "12", "--second", "8", "--code", "2,5", "--tied", "both", "--batch", "16", "--grace", "1")
ASKED = (*GRID, "--engines", "ray", "--workers", "2", "--set", "autoencode.sae.epochs=4")


def words(index: Path) -> list[str]:
    """The command, for a process of its own, since one process can join one Ray only."""
    return [sys.executable, "-m", "jobs", "tune", str(index), *ASKED]


def killed_after_an_epoch(index: Path) -> None:
    """SIGKILL, as soon as a trial has left its state of an epoch."""
    with subprocess.Popen(words(index), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not any((index / "trials").rglob("checkpoint_*/state")):
            assert process.poll() is None, "it ended by itself"
            time.sleep(0.05)
        process.kill()


def tuned(index: Path) -> str:
    """What the command says."""
    done = subprocess.run(words(index), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.engines
def test_the_best_of_a_grid_is_kept_and_applied(copied: Path) -> None:
    """Also after a kill, the network that is kept is, bit for bit, that of a training by itself; the codes are its."""
    killed_after_an_epoch(copied)
    assert (copied / "trials").exists()
    said = tuned(copied)
    assert "kept" in said
    assert "Configuration for experiment" not in said
    root, recipe = (index := open_index(copied)).read(), stored_recipe(index)
    table = read_table(root, "trials")
    assert len(table["loss"]) == 4
    finished = table["loss"][table["finished"]]
    assert table["best"].sum() == 1
    assert table["loss"][table["best"]] == finished.min()
    best: Any = recipe.autoencode[0]
    assert "/".join(map(str, best.layers)) == table["layers"][table["best"]][0]
    fit = fit_key(root, recipe, best)
    assert fit is not None
    network = current_network(root, "sae", fit)
    assert network is not None
    data = read_network(root, "sae", network)
    source = find_vectors(root, recipe, "cae")
    vectors = source.read(root)
    alone = train_point(best, {}, (vectors, picture_ids(root, source.rows)), lambda: False, b"")
    assert alone.data == data  # type: ignore[union-attr]
    codes = find_vectors(root, recipe, "sae")
    np.testing.assert_array_equal(codes.read(root), build_encoder(data).encode(vectors))
    before = index.commit
    tuned(copied)
    assert open_index(copied).commit == before


def test_what_cannot_be_searched_is_said(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["tune", str(finished), "--name", "other"]) == 2
    assert "no stacked autoencoder 'other' (it has sae)" in " ".join(capsys.readouterr().err.split())
    assert call(["tune", str(finished), "--engines", "ray", "--set", "pixels.size=99"]) == 2
    assert "no vectors 'cae' yet" in " ".join(capsys.readouterr().err.split())
    index = open_index(finished)
    with pytest.raises(StageError, match="no vectors 'other' that are up to date"):
        find_vectors(index.read(), stored_recipe(index), "other")
    assert call(["tune", str(finished), "--code", "2,x"]) == 2
    assert "no list of widths" in " ".join(capsys.readouterr().err.split())
