"""Torch's nearest centres are the CPU's, so k-means has the same bits whatever the device."""

import pickle

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.config import load_recipe
from pipeline.errors import EngineError, RecipeError
from pipeline.estimators import MiniBatchKMeans
from pipeline.kernels.clustering.blockwise_kmeans import k_means
from pipeline.kernels.clustering.hierarchical_kmeans import hierarchical_k_means
from pipeline.kernels.clustering.lloyd import ArrayReader
from pipeline.kernels.clustering.nearest_center import choose_frame, nearest_centers, prepare_centers
from pipeline.search_backends import torch_centers
from pipeline.search_backends.devices import device_here, nearest_on
from pipeline.search_backends.torch_centers import TorchCenters
from tests.kernels.neighbours.test_nearest import SETS

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
Array = NDArray[np.floating]


def _set(name: str) -> Array:
    values = SETS[name](np.random.default_rng(3))
    return values.astype(np.float64 if name == "random_float64" else np.float32)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("k", [1, 2, 17])
def test_the_labels_of_the_cpu_and_bounds_that_hold(
    name: str, k: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_centers, "_TILE_BYTES", 20_000)  # several tiles
    rows = _set(name)
    low, high = rows.min(axis=0).astype(float), rows.max(axis=0).astype(float)
    centers = prepare_centers(
        rows[:: len(rows) // k][:k].copy(), choose_frame(rows.mean(axis=0), low, high, rows.dtype)
    )
    labels, upper, lower = TorchCenters(device)(rows, centers)
    assert np.array_equal(labels, nearest_centers(rows, centers)[0])
    distances = np.sqrt(((rows[:, None].astype(np.longdouble) - centers.values) ** 2).sum(axis=2))
    own = distances[np.arange(len(rows)), labels]
    distances[np.arange(len(rows)), labels] = np.inf
    assert (own <= upper).all()
    assert (lower <= distances.min(axis=1)).all()


@pytest.mark.parametrize("device", DEVICES)
def test_a_clustering_has_the_same_bits(device: str) -> None:
    rows = _set("random_float64").astype(np.float32)
    read = ArrayReader(rows)
    here = k_means(read, len(rows), [3, 12], seed=1, block_rows=70)
    there = k_means(read, len(rows), [3, 12], seed=1, block_rows=70, nearest=TorchCenters(device))
    for one, other in zip(here, there, strict=True):
        assert np.array_equal(one.labels, other.labels)
        assert one.centers.tobytes() == other.centers.tobytes()
        assert one.inertia == other.inertia
    levels = [
        hierarchical_k_means(read, len(rows), [12, 3], seed=1, resamples=1, nearest=nearest)
        for nearest in (None, TorchCenters(device))
    ]
    assert all(np.array_equal(one.labels, other.labels) for one, other in zip(*levels, strict=True))


def test_it_travels_as_a_name() -> None:
    assert pickle.loads(pickle.dumps(TorchCenters("cuda:1"))) == TorchCenters("cuda:1")


def test_the_device_is_no_part_of_the_key() -> None:
    here, there = (
        load_recipe(assignments=[f'cluster.methods=[{{method="kmeans",device="{device}"}}]']).cluster.methods[0]
        for device in ("cpu", "auto")
    )
    assert here.relevant() == there.relevant()
    assert (here.products_on, there.products_on) == ("cpu", "auto")
    for device in ("auto", "cuda"):
        with pytest.raises(RecipeError, match=f'"{device}" needs vectors that no transform changes'):
            load_recipe(assignments=[f'cluster.methods=[{{method="kmeans",device="{device}",transform=["l2"]}}]'])


@pytest.mark.parametrize("seen", [False, True])
def test_auto_is_a_gpu_where_there_is_one(seen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: seen)
    assert device_here("auto") == ("cuda" if seen else "cpu")
    assert (device_here("cpu"), device_here("cuda")) == ("cpu", "cuda")
    assert nearest_on("cpu") is nearest_centers
    assert nearest_on("cuda") == TorchCenters("cuda")


def test_the_estimator_has_the_setting() -> None:
    rows = _set("random_float64")
    here, there = (MiniBatchKMeans(n_clusters=5, device=device).fit(rows) for device in ("cpu", "auto"))
    np.testing.assert_array_equal(here.labels_, there.labels_)
    np.testing.assert_array_equal(here.cluster_centers_, there.cluster_centers_)
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match="no GPU"):
            MiniBatchKMeans(n_clusters=5, device="cuda").fit(rows)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_ends_the_work_and_is_no_verdict_on_the_vectors() -> None:
    rows = np.eye(9, dtype=np.float32)
    with pytest.raises(EngineError, match="no GPU"):
        k_means(ArrayReader(rows), 9, [2], seed=0, nearest=TorchCenters("cuda"))
