"""Contrastive learning: the loss by hand, changes that depend on the id alone, repeatability, what is refused."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from pipeline.errors import UsageError
from pipeline.estimators import ContrastiveEmbedding
from pipeline.models.contrastive import ContrastiveEncoder, contrastive_loss, train_contrastive_network
from pipeline.models.contrastive_settings import ContrastiveSettings
from pipeline.models.picture_changes import changed
from pipeline.models.self_labelling import ClusterSayer, learn_own_clusters

SETTINGS = ContrastiveSettings(image_shape=(12, 12))
STILL = dict.fromkeys(("turn_degrees", "shift", "scale", "shear", "bend", "weight"), 0.0)
SMALL = {"channels": (4, 8), "code_size": 8, "projection_size": 8, "batch_size": 32, "epochs": 6}


def bars(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of 12 x 12 with a long bar, upright or lying, somewhere."""
    rng = np.random.default_rng(0)
    pictures, kinds = np.zeros((n, 12, 12), np.float32), np.arange(n) % 2
    for picture, kind in zip(pictures, kinds, strict=True):
        at = rng.integers(3, 8)
        (picture if kind else picture.T)[1:11, at : at + 2] = 1
    return pictures.reshape(n, -1), kinds


def test_the_loss_by_hand() -> None:
    one, other = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[3.0, 0.0], [1.0, 0.0]])
    # Rows of length 1: e1, e2 and e1, e1. Of row 0: partner 1, others 0 and 1; of row 1: partner 0, others 0, 0; ...
    e = math.exp(1 / 0.5)
    shares = [e / (1 + 2 * e), 1 / 3, e / (1 + 2 * e), 1 / (1 + 2 * e)]
    expected = -np.mean(np.log(shares))
    assert contrastive_loss(one, other, 0.5).item() == pytest.approx(expected, rel=1e-6)


def test_a_change_depends_on_id_and_stream_and_not_on_the_batch() -> None:
    pictures = torch.from_numpy(bars(6)[0].reshape(6, 1, 12, 12))
    ids = np.arange(6, dtype=np.uint64)
    found = changed(pictures, ids, SETTINGS, 0, 1, 0)
    assert torch.equal(found[3:5], changed(pictures[3:5], ids[3:5], SETTINGS, 0, 1, 0))
    assert not torch.equal(found, changed(pictures, ids, SETTINGS, 0, 1, 1))


def test_without_changes_a_picture_stays() -> None:
    pictures = torch.from_numpy(bars(4)[0].reshape(4, 1, 12, 12))
    still = ContrastiveSettings(image_shape=(12, 12), **STILL)
    assert torch.allclose(changed(pictures, np.arange(4, dtype=np.uint64), still, 0), pictures, atol=1e-5)


def symmetries(picture: torch.Tensor) -> list[torch.Tensor]:
    turned = [torch.rot90(picture, turns, dims=(-2, -1)) for turns in range(4)]
    return turned + [one.flip(-1) for one in turned]


@pytest.mark.parametrize(("flip", "seen"), [("none", {0}), ("horizontal", {0, 4}), ("any", set(range(8)))])
def test_a_flip_shows_those_symmetries_and_no_others(flip: str, seen: set[int]) -> None:
    """Without one, orientation is kept: a 6 is never a 9."""
    picture = torch.rand(1, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    settings = ContrastiveSettings(image_shape=(12, 12), flip=flip, **STILL)  # type: ignore[arg-type]
    found = set()
    for one in changed(picture.expand(64, 1, 12, 12), np.arange(64, dtype=np.uint64), settings, 0):
        match = [place for place, other in enumerate(symmetries(picture[0])) if torch.allclose(one, other, atol=1e-4)]
        assert len(match) == 1
        found.update(match)
    assert found == seen


def test_a_crop_lies_in_the_picture_and_contrast_changes_light_alone() -> None:
    """On a ramp a part of side s spans s of the values and none beyond; light is an affine map of the values."""
    ramp = torch.linspace(0, 1, 40).expand(32, 1, 40, 40)
    ids = np.arange(32, dtype=np.uint64)
    cropped = changed(ramp, ids, ContrastiveSettings(image_shape=(40, 40), crop=0.5, outside="mirrored", **STILL), 0)
    spans = cropped.amax(dim=(1, 2, 3)) - cropped.amin(dim=(1, 2, 3))
    assert 0.45 < spans.min() < 0.6 < 0.9 < spans.max() <= 1
    assert cropped.min() >= 0
    assert cropped.max() <= 1
    lit = changed(ramp, ids, ContrastiveSettings(image_shape=(40, 40), contrast=0.4, outside="mirrored", **STILL), 0)
    gain = (lit[:, 0, 0, -1] - lit[:, 0, 0, 0]).numpy()
    np.testing.assert_allclose(lit[:, 0, 5, 20] - lit[:, 0, 0, 0], gain * ramp[0, 0, 0, 20].item(), atol=1e-5)
    assert 0.6 <= gain.min() < 0.8 < 1.2 < gain.max() <= 1.4


def test_normalised_and_averaged_codes_see_neither_light_nor_place() -> None:
    settings = ContrastiveSettings(
        image_shape=(16, 16), channels=(4, 4), code_size=5, epochs=1, batch_size=8, normalised=True, layout="averaged"
    )
    pictures = np.random.default_rng(0).integers(0, 120, (16, 256), dtype=np.uint8)
    network = train_contrastive_network(pictures, np.arange(16, dtype=np.uint64), settings=settings, seed=0)
    encoder = ContrastiveEncoder(network)
    np.testing.assert_allclose(encoder.encode(pictures), encoder.encode(pictures * np.uint8(2)), atol=0.02)
    np.testing.assert_array_equal(encoder.encode(pictures.reshape(16, 16, 16)), encoder.encode(pictures))


def test_the_order_of_the_rows_does_not_matter() -> None:
    pictures, ids = bars(64)[0], np.arange(64, dtype=np.uint64)
    settings = ContrastiveSettings(
        image_shape=(12, 12), channels=(4, 4), code_size=4, projection_size=4, batch_size=32, epochs=1
    )
    turned = train_contrastive_network(np.ascontiguousarray(pictures[::-1]), ids[::-1], settings=settings, seed=0)
    assert turned == train_contrastive_network(pictures, ids, settings=settings, seed=0)


def test_it_learns_what_the_changes_leave_and_repeats_its_bits() -> None:
    pictures, kinds = bars(128)
    model = ContrastiveEmbedding((12, 12), settings=SMALL).fit(pictures)
    assert all(before.train_loss > after.train_loss for before, after in pairwise(model.history_[::3]))
    codes = model.transform(pictures)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, rtol=1e-5)
    centers = np.stack([codes[kinds == kind].mean(axis=0) for kind in range(2)])
    assert np.mean((codes @ centers.T).argmax(axis=1) == kinds) > 0.9
    again = ContrastiveEmbedding((12, 12), settings=SMALL).fit(pictures)
    np.testing.assert_array_equal(codes, again.transform(pictures))
    np.testing.assert_array_equal(codes[5:9], model.transform(pictures[5:9]))


@pytest.mark.parametrize(
    ("shape", "settings", "n", "words"),
    [
        ((12, 11), {}, 8, "no pictures of 12 x 11"),
        ((12, 12), {"epoch": 3}, 8, "no setting 'epoch'"),
        ((12, 12), {"temperature": 0}, 8, "temperature is 0"),
        ((12, 12), {}, 1, "at least 2"),
        ((12, 12), {"flip": "up"}, 8, "flip is 'up'"),
        ((12, 12), {"crop": 1.5}, 8, "crop is 1.5"),
    ],
)
def test_what_makes_no_sense_is_refused(
    shape: tuple[int, int], settings: dict[str, object], n: int, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        ContrastiveEmbedding(shape, settings=settings).fit(bars(n)[0])


def test_it_learns_its_clusters_in_spite_of_wrong_ones_and_says_them() -> None:
    """One picture in eight is in the wrong cluster; the network outvotes them, and repeats its bits."""
    pictures, kinds = bars(256)
    wrong = np.where(np.arange(256) % 8 == 3, 1 - kinds, kinds).astype(np.int64)
    network = ContrastiveEmbedding((12, 12), settings=SMALL).fit(pictures).network_
    learnt = learn_own_clusters(network, pictures, wrong, epochs=6, learning_rate=5e-3)
    sayer = ClusterSayer(learnt)
    assert np.mean(wrong == kinds) < 0.9
    assert np.mean(sayer.labels(pictures) == kinds) > 0.97
    np.testing.assert_allclose(sayer.shares(pictures[:5]).sum(axis=1), 1, rtol=1e-5)
    assert [loss.epoch for loss in learnt.history] == [1, 2, 3, 4, 5, 6]
    assert learn_own_clusters(network, pictures, wrong, epochs=6, learning_rate=5e-3) == learnt


@pytest.mark.parametrize("labels", [np.zeros(7, np.int64), np.array([0, 2] * 16), np.array([-1, 0] * 16)])
def test_clusters_that_do_not_fit_are_refused(labels: np.ndarray) -> None:
    settings = ContrastiveSettings(
        image_shape=(12, 12), channels=(4, 4), code_size=4, projection_size=4, batch_size=32, epochs=1
    )
    pictures = bars(32)[0]
    network = train_contrastive_network(pictures, np.arange(32, dtype=np.uint64), settings=settings, seed=0)
    with pytest.raises(UsageError, match="a cluster a picture"):
        learn_own_clusters(network, pictures, labels)
