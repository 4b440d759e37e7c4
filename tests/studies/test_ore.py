"""The study of ore at a tiny size: its layout read, its recipe run, a material cube in place of it."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from pipeline.errors import UsageError
from pipeline.studies import ore
from pipeline.studies.base import Material
from tests.studies.running import drawings, run_study

QUICK = ("autoencode.epochs=1", "autoencode.min_steps=0", "map.iterations=5", "cluster.k=[2,3]", "neighbours.k=30")


def material(tmp_path: Path) -> Material:
    (tmp_path / "data").mkdir()
    (tmp_path / "corpus").mkdir()
    return Material(tmp_path / "data", tmp_path / "corpus", 0)


def test_the_study_of_ore(tmp_path: Path) -> None:
    out = tmp_path / "out"
    stages = "arrays labels autoencode neighbours map cluster agree"
    found = run_study("ore", tmp_path / "data", out, "--make", "--size", "288", stages=stages, settings=QUICK)
    assert len(list((tmp_path / "data").glob("*.h5"))) == 72
    assert len(found) == 12
    assert found["4 bands: accuracy for plant"]["published"] == pytest.approx(0.57)
    assert found["PCA: accuracy for size"]["ours"] > 0.6
    assert drawings(out) == {"elbow", "by_category"}


def test_containers_are_read_with_their_labels(tmp_path: Path) -> None:
    given = material(tmp_path)
    image = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    for name, month in (("a", "01"), ("b", "02")):
        with h5py.File(given.data / f"{name}.h5", "w") as file:
            file["cube"] = image + (name == "b")
            file.attrs.update({"size": "M100", "plant": "one", "month": month})
    prepared = ore.prepare(given)
    with np.load(given.folder / "spectra.npz") as found:
        assert found["spectra"].shape == (12, 4)
        assert (found["spectra"].min(), found["spectra"].max()) == (0, 1)
    assert Path(prepared.labels["month"]).read_text().splitlines()[6:8] == [
        "spectra.npz#page=6,01",
        "spectra.npz#page=7,02",
    ]


@pytest.mark.parametrize("spectra", ["V", "Y"])  # Y: as the Samson cube has them
def test_a_material_cube_is_read(tmp_path: Path, spectra: str) -> None:
    given = material(tmp_path)
    savemat(
        given.data / "cube.mat",
        {spectra: np.random.default_rng(0).random((5, 7)), "A": np.eye(3)[:, [0, 1, 2, 2, 1, 0, 0]]},
    )
    prepared = ore.prepare(given)
    assert [line.split(",")[1] for line in Path(prepared.labels["material"]).read_text().split()[1:]] == list("0122100")


def test_containers_without_labels_are_refused(tmp_path: Path) -> None:
    given = material(tmp_path)
    with h5py.File(given.data / "a.h5", "w") as file:
        file["cube"] = np.zeros((2, 2, 4))
    with pytest.raises(UsageError, match=r"lacks \['size', 'plant', 'month'\]"):
        ore.prepare(given)
