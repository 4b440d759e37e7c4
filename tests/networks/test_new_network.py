"""A network is one file and one entry: a made-up one is laid beside the others and does all that they do."""

import json
import shutil
from pathlib import Path

import numpy as np

from pipeline.index.store import open_index
from tests.laid_beside import lay_beside, semcorpus

_FILE = '''
"""Brightness beside the corpus' own."""

import json
from types import SimpleNamespace
from typing import Literal

import numpy as np

from pipeline.models.losses import EpochLoss
from pipeline.networks.base import Network, PictureNetworkSettings, Trained
from pipeline.settings import Name


class BrightnessSettings(PictureNetworkSettings):
    """How bright a picture is."""

    network: Literal["brightness"] = "brightness"
    name: Name = "brightness"
    times: float = 1.0


    @property
    def training_side(self):
        return 8

    @property
    def training_limit(self):
        return 10


def train(settings, given):
    assert given.rows.shape == (10, 8, 8)
    mean = float(given.rows.mean()) * settings.times
    return Trained(json.dumps(mean).encode(), [EpochLoss("train", 1, mean, None)])


def load(settings, data):
    mean = json.loads(data)
    rows = lambda pictures: np.stack([pictures.mean((1, 2)) - mean, pictures.std((1, 2))], 1).astype(np.float32)
    return SimpleNamespace(dimension=2, image_size=16, encode=rows)


NETWORK = Network(BrightnessSettings, lambda settings, data: 2, load, seconds_per_row=0.0, train=train)
'''

_RECIPE = """
[pixels]
size = 64
[[embed]]
network = "brightness"
times = 2.0
[[autoencode]]
network = "dense"
vectors = "brightness"
layers = [3]
epochs = 1
min_steps = 0
"""


def test_a_network_is_one_file_and_one_entry(demo: Path, reference_index: Path, tmp_path: Path) -> None:
    """Recipe, training, stage, status and tables know it; a network of vectors from the table codes what it makes."""
    lay_beside(tmp_path, "networks", "brightness", _FILE, "NETWORK")
    recipe, index = tmp_path / "made-up.toml", tmp_path / "index"
    recipe.write_text(_RECIPE)
    shutil.copytree(reference_index, index)
    options = ("--recipe", recipe, "--until", "autoencode", "--engines", "local")
    semcorpus(tmp_path, "run", demo / "corpus", index, *options)
    root = open_index(index).read()
    vectors = np.asarray(root["embeddings/brightness/vectors"][:])
    codes = np.asarray(root["codes/dense/vectors"][:])
    done = np.isfinite(vectors).all(axis=1)
    assert done.sum() > 10
    assert vectors.shape[1:] == (2,)
    np.testing.assert_array_equal(np.isfinite(codes).all(axis=1), done)
    stages = {
        row["stage"]: (row["done"], row["missing"])
        for row in json.loads(semcorpus(tmp_path, "status", index, "--format", "json"))["stages"]
    }
    assert stages["embed brightness"] == (done.sum(), 0)
    assert stages["autoencode dense"] == (done.sum(), 0)
