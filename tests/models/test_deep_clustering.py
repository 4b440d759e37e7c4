"""Deep embedded clustering: its formulas by hand, and what it does with clusters that are there."""

import dataclasses

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from pipeline.errors import StageError, UsageError
from pipeline.models.deep_clustering import DeepClusterer, student_t, target_distribution, train_deep_clustering
from pipeline.models.deep_clustering_networks import ConvolutionalCoder, moved
from pipeline.models.settings import DeepClusteringSettings

SMALL = DeepClusteringSettings(
    n_clusters=3, code_size=2, layers=(16,), pretrain_epochs=10, batch_size=32, n_init=3, update_interval=10,
    max_renewals=20, learning_rate=5e-3,
)  # fmt: skip


def blobs(n: int = 150) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    rows = rng.normal(size=(3, 12))[labels] * 3 + rng.normal(size=(n, 12)) + 5
    return rows.astype(np.float32), labels


ROWS, LABELS = blobs()


def test_soft_assignments_are_students_t_by_hand() -> None:
    """Distances 0 and 2 from the centres: 1 / (1 + 0) and 1 / (1 + 4), normalised."""
    q = student_t(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 2.0]]))
    np.testing.assert_allclose(q.numpy(), [[1 / 1.2, 0.2 / 1.2]], rtol=1e-6)


def test_the_target_is_xies_by_hand() -> None:
    q = np.array([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5]])
    expected = q**2 / q.sum(axis=0)
    expected /= expected.sum(axis=1, keepdims=True)
    found = target_distribution(torch.from_numpy(q)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found[0, 0] > q[0, 0]
    assert found[2, 0] < 0.5, "of two equal shares, that in the larger cluster shrinks"


def test_clusters_that_are_there_are_found_and_it_ends_by_itself() -> None:
    found = train_deep_clustering(ROWS, settings=SMALL, seed=0)
    shares = DeepClusterer(found).soft_assignments(ROWS)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-9)
    assert adjusted_rand_score(LABELS, shares.argmax(axis=1)) > 0.95
    assert found.converged
    assert found.changed[-1] < SMALL.tolerance
    phases = [loss.phase for loss in found.history]
    assert phases == ["pretrain"] * 10 + ["cluster"] * len(found.changed)


def test_clustering_sharpens_what_kmeans_began() -> None:
    settings = dataclasses.replace(SMALL, tolerance=0.0, clustering_weight=1.0)
    few, many = (
        train_deep_clustering(ROWS, settings=dataclasses.replace(settings, max_renewals=n), seed=0) for n in (1, 12)
    )
    before, after = (DeepClusterer(found).soft_assignments(ROWS).max(axis=1).mean() for found in (few, many))
    assert after > before + 0.02
    assert not many.converged


def test_two_trainings_are_the_same_bits_and_seeds_differ() -> None:
    first = train_deep_clustering(ROWS, settings=SMALL, seed=0)
    assert train_deep_clustering(ROWS, settings=SMALL, seed=0) == first
    assert train_deep_clustering(ROWS, settings=SMALL, seed=1).state != first.state


def test_pictures_go_through_convolutions_of_any_side_and_may_be_moved() -> None:
    shape = (9, 6)
    rng = np.random.default_rng(0)
    rows = rng.random((40, 54)).astype(np.float32)
    rows[:20, :27] += 3  # half of them are bright above
    rows[20:, 27:] += 3
    settings = DeepClusteringSettings(
        n_clusters=2, code_size=3, image_shape=shape, layers=(4, 6, 8), pretrain_epochs=15, batch_size=20, n_init=2,
        update_interval=5, max_renewals=3, learning_rate=1e-2,
    )  # fmt: skip
    plain = train_deep_clustering(rows, settings=settings, seed=0)
    assert adjusted_rand_score(np.arange(40) < 20, DeepClusterer(plain).soft_assignments(rows).argmax(axis=1)) == 1
    augmented = train_deep_clustering(rows, settings=dataclasses.replace(settings, augment=True), seed=0)
    assert augmented.state != plain.state


def test_a_picture_is_turned_and_shifted_by_its_number() -> None:
    picture = torch.zeros(1, 20, 20)
    picture[0, 8:12, 8:12] = 1
    flat = picture.reshape(1, -1)
    middle = np.array([(1 << 19) + (1 << 39) + (1 << 59)], np.uint64)
    np.testing.assert_allclose(moved(flat, (20, 20), middle).numpy(), flat.numpy(), atol=1e-4)
    to_the_left = np.array([(1 << 19) + ((1 << 20) - 1 << 20) + (1 << 59)], np.uint64)
    result = moved(flat, (20, 20), to_the_left).reshape(20, 20).numpy()
    np.testing.assert_allclose(result[8:12, 6:10], 1, atol=1e-3)
    assert result.sum() == pytest.approx(16, abs=0.01)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="2 rows, too few for 3 clusters"):
        train_deep_clustering(ROWS[:2], settings=SMALL, seed=0)
    with pytest.raises(UsageError, match="12 are no pictures of 5 x 5"):
        train_deep_clustering(ROWS, settings=dataclasses.replace(SMALL, image_shape=(5, 5)), seed=0)
    with pytest.raises(UsageError, match="augment"):
        dataclasses.replace(SMALL, augment=True)
    with pytest.raises(UsageError, match="layers"):
        dataclasses.replace(SMALL, layers=())
    with pytest.raises(StageError, match="learning rate"):
        train_deep_clustering(ROWS, settings=dataclasses.replace(SMALL, learning_rate=1e30), seed=0)
    clusterer = DeepClusterer(train_deep_clustering(ROWS, settings=SMALL, seed=0))
    with pytest.raises(UsageError, match="length 12; these have 11"):
        clusterer.encode(np.ascontiguousarray(ROWS[:, :11]))


def test_code_is_the_same_bits_alone() -> None:
    clusterer = DeepClusterer(train_deep_clustering(ROWS, settings=SMALL, seed=0))
    codes = clusterer.encode(ROWS)
    for row in (0, 7, 149):
        np.testing.assert_array_equal(clusterer.encode(ROWS[row : row + 1])[0], codes[row])


def test_a_constant_column_and_equal_rows_stay_finite() -> None:
    settings = dataclasses.replace(SMALL, n_clusters=1, pretrain_epochs=2, max_renewals=2)
    for rows in (np.full((5, 12), 0.1, np.float32), np.c_[ROWS[:, :11], np.ones((150, 1))].astype(np.float32)):
        shares = DeepClusterer(train_deep_clustering(rows, settings=settings, seed=0)).soft_assignments(rows)
        np.testing.assert_array_equal(shares, 1)


def test_a_decoder_gives_back_the_side_that_the_encoder_took() -> None:
    for shape in ((28, 28), (9, 6), (1, 5)):
        coder = ConvolutionalCoder(shape[0] * shape[1], shape, (3, 4), 2)
        rows = torch.zeros(2, shape[0] * shape[1])
        assert coder.decode(coder.encode(rows)).shape == rows.shape
