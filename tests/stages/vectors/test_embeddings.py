"""Backbones beside the autoencoder, networks that are kept, and weights that cannot be had."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.errors import UsageError, WeightsError
from pipeline.index.store import Index, open_index
from pipeline.index.tables import read_table
from pipeline.job import open_runner, run_stages
from pipeline.models import backbones
from pipeline.models.encoders import encode_in_fixed_batches
from pipeline.progress import Event, Listener, Note, Silent
from pipeline.stages.vectors import making
from pipeline.stages.vectors.picture_vectors import picture_vectors, transformed

STAGES = ("embed", "autoencode")

TWO_SETS = """
[pixels]
size = 64
[[embed]]
name = "own"
model = "autoencoder"
epochs = 1
input_size = 64
[[embed]]
name = "backbone"
model = "test_resnet"
weights = "random"
views = "square"
runtime = "torch"
batch_size = 4
[[autoencode]]
name = "short"
vectors = "backbone"
layers = [6, 3]
epochs = 1
min_steps = 0
"""


def _run(demo: Path, place: Path, text: str, *assignments: str, listener: Listener | None = None) -> Index:
    recipe = load_recipe("test", builtin={"test": text}, assignments=assignments)
    corpus = Corpus(str(demo / "corpus"), recipe.corpus)
    with open_runner(
        corpus, place, recipe, engines=EngineChoice.parse("local"), listener=listener or Silent()
    ) as runner:
        run_stages(runner, STAGES)
    return open_index(place)


class Notes(Silent):
    """Keeps the sentences that it is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def tell(self, event: Event) -> None:
        if isinstance(event, Note):
            self.texts.append(event.text)


@pytest.fixture(scope="module")
def index(demo: Path, reference_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets of embeddings and a code of the second, made of pictures that are there."""
    place = Path(shutil.copytree(reference_index, tmp_path_factory.mktemp("embeddings") / "index"))
    _run(demo, place, TWO_SETS)
    return place


def test_each_set_has_vectors_of_its_own(index: Path) -> None:
    root = open_index(index).read()
    done = np.asarray(root["embeddings/own/key"][:]) != 0
    for name, width in (("embeddings/own", 64), ("codes/short", 3)):
        assert root[f"{name}/vectors"].shape == (len(done), width)
    for name in ("embeddings/own", "embeddings/backbone", "codes/short"):
        vectors = np.asarray(root[f"{name}/vectors"][:])
        assert np.isfinite(vectors[done]).all()
        assert np.isnan(vectors[~done]).all()
        if name.startswith("embeddings/"):  # a network of one epoch may give two pictures one short code
            assert len(np.unique(vectors[done], axis=0)) == done.sum()


def test_nothing_is_trained_or_embedded_twice(index: Path, demo: Path) -> None:
    before = open_index(index).commit
    assert _run(demo, index, TWO_SETS).commit == before


def test_another_seed_embeds_that_set_again_and_no_other(index: Path, demo: Path) -> None:
    before = open_index(index).read()
    kept = np.asarray(before["embeddings/own/vectors"][:])
    old = np.asarray(before["embeddings/backbone/vectors"][:])
    after = _run(demo, index, TWO_SETS, "embed.backbone.seed=7").read()
    np.testing.assert_array_equal(np.asarray(after["embeddings/own/vectors"][:]), kept)
    assert not np.array_equal(np.asarray(after["embeddings/backbone/vectors"][:]), old, equal_nan=True)
    assert len(list(after["networks/short"].array_keys())) == 2, "the older network is kept beside the new one"


def test_a_batch_that_does_not_fit_into_memory_is_halved_and_said(
    index: Path, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vectors are those of the smaller batch: of 4 pictures, as a run with enough memory has them."""
    place, notes = Path(shutil.copytree(index, tmp_path / "index")), Notes()
    stored = np.asarray(_run(demo, place, TWO_SETS).read()["embeddings/backbone/vectors"][:])

    def little_memory(*given: Any, batch_size: int, **rest: Any) -> Any:
        if batch_size > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode_in_fixed_batches(*given, batch_size=batch_size, **rest)

    monkeypatch.setattr(backbones, "encode_in_fixed_batches", little_memory)
    changes = ("embed.backbone.batch_size=8", "embed.backbone.transform=none")
    after = _run(demo, place, TWO_SETS, *changes, listener=notes).read()
    said = "backbone: batches of 8 pictures did not fit into the device's memory; 4 at once did."
    assert [text for text in notes.texts if "memory" in text] == [said], "once: it goes on with 4"
    features = np.asarray(after["embeddings/backbone/vectors"][:])
    np.testing.assert_array_equal(transformed(features, "sqrt_l2"), stored)


def test_a_code_worse_than_principal_components_is_said_and_replaced(index: Path, demo: Path) -> None:
    notes = Notes()
    changes = ("autoencode.short.start=random", "autoencode.short.layers=[9, 2]")  # of 3 the index may have components
    after = _run(demo, index, TWO_SETS, *changes, listener=notes).read()
    [note] = [text for text in notes.texts if text.startswith("short: the network loses")]
    assert "the components are used in its place" in note
    table = read_table(after, "training")
    assert set(table["kept"][table["codes"] == "short"]) == {"pca"}
    codes = np.asarray(after["codes/short/vectors"][:])
    done = np.isfinite(codes).all(axis=1)
    correlation = np.corrcoef(codes[done], rowvar=False)
    assert np.abs(correlation - np.eye(2)).max() < 0.5, "components of most of the rows are all but uncorrelated"
    kept = _run(demo, index, TWO_SETS, *changes, "autoencode.short.fallback=none", listener=notes).read()
    table = read_table(kept, "training")
    assert set(table["kept"][table["codes"] == "short"]) == {"network"}


def test_a_missing_file_of_weights_ends_the_run_before_it_begins(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="do not exist"):
        _run(demo, tmp_path / "index", TWO_SETS, "embed.backbone.weights=nowhere/weights.safetensors")
    assert not (tmp_path / "index").exists()


def test_weights_that_are_none_end_in_a_sentence(demo: Path, reference_index: Path, tmp_path: Path) -> None:
    shutil.copytree(reference_index, tmp_path / "index")
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"these are no weights")
    with pytest.raises(WeightsError, match=r"weights\.safetensors"):
        _run(demo, tmp_path / "index", TWO_SETS, f"embed.backbone.weights={weights}")


def test_a_gpu_that_is_not_there_ends_in_a_sentence(demo: Path, reference_index: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    shutil.copytree(reference_index, tmp_path / "index")
    with pytest.raises(UsageError, match="sees no GPU here"):
        _run(demo, tmp_path / "index", TWO_SETS, "embed.own.device=cuda", "embed.own.seed=3")


SEVERAL = """
[pixels]
size = 64
[[embed]]
name = "features"
model = "test_resnet"
weights = "random"
runtime = "torch"
views = "zoom"
batch_size = 2
[[embed]]
name = "scores"
model = "test_resnet"
weights = "random"
runtime = "torch"
views = "zoom"
batch_size = 2
output = "logits"
transform = "none"
"""


def test_features_and_logits_come_from_one_reading_with_the_bits_of_two(
    demo: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One commit makes both; made one after the other, or where one is there already, they are the same."""
    read: list[int] = []

    def counted(*arguments: Any) -> Any:
        read.append(len(arguments[2]))
        return picture_vectors(*arguments)

    monkeypatch.setattr(making, "picture_vectors", counted)
    recipe = "autoencode = []\n" + SEVERAL
    for name in ("together", "apart"):
        shutil.copytree(index, tmp_path / name)
    found = _run(demo, tmp_path / "together", recipe).read()
    pictures, read[:] = sum(read), []
    first, _ = SEVERAL.split('[[embed]]\nname = "scores"')
    _run(demo, tmp_path / "apart", "autoencode = []\n" + first)
    other = _run(demo, tmp_path / "apart", recipe).read()
    assert sum(read) == 2 * pictures
    for name in ("features", "scores"):
        ours, theirs = (np.asarray(root[f"embeddings/{name}/vectors"][:]) for root in (found, other))
        np.testing.assert_array_equal(ours, theirs)
        keys = (np.asarray(root[f"embeddings/{name}/key"][:]) for root in (found, other))
        np.testing.assert_array_equal(*keys)
        assert np.isfinite(ours).all(axis=1).sum() == pictures
    assert found["embeddings/scores/vectors"].shape[1] == 2000
