"""Backbones that learn labels: what is held out, that they learn, go on where they were, and are kept."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.errors import StageError, UsageError, WeightsError
from pipeline.kernels.calibration import fit_temperature
from pipeline.models.augmentation import Augment, augmented
from pipeline.models.course import Course, TrainingPausedError
from pipeline.models.fine_tuning import (
    ClassReport,
    FineTuning,
    fine_tune,
    load_fine_tuned,
    read_report,
    stratified_split,
)

SETTINGS = FineTuning(
    model="test_resnet",
    weights="random",
    layers="last",
    keep_head=False,
    epochs=30,
    batch_size=16,
    learning_rate=1e-2,
    schedule="plateau",
    patience=0,
    plateau=0,
    balance="weights",
    augment="none",
    test_fraction=0.25,
    watched=1000,
)
RNG = np.random.default_rng(0)
LABELS = np.array(["across", "down", "flat"] * 16)[RNG.permutation(48)]
IDS = RNG.permutation(1000).astype(np.uint64)[:48]


def _pictures() -> np.ndarray:  # type: ignore[type-arg]
    """Stripes across, stripes down, and neither, with noise."""
    wave = 60 * np.sin(np.arange(32) * 0.9)
    shapes = {"across": wave[:, None], "down": wave[None, :], "flat": np.zeros((1, 1))}
    made = [128 + shapes[str(label)] + RNG.normal(0, 15, (32, 32)) for label in LABELS]
    return np.clip(made, 0, 255).astype(np.uint8)


PICTURES = _pictures()


@pytest.mark.parametrize("layers", ["last", "all"])
@pytest.mark.parametrize("keep_head", [False, True])
def test_it_learns_and_is_read_back_as_it_was(layers: str, keep_head: bool) -> None:
    settings = replace(
        SETTINGS, layers=layers, keep_head=keep_head, epochs={"last": 60, "all": 10}[layers] * (1 + keep_head)
    )
    found = fine_tune(PICTURES, IDS, LABELS, settings=settings, seed=1)
    assert found.report.confusion.sum() == 12, "a quarter is held out"
    assert found.report.confusion.sum(axis=1).tolist() == [4, 4, 4], "of each class"
    assert found.report.accuracy >= 0.75
    again = read_report(found.data)
    assert again.classes == ("across", "down", "flat")
    np.testing.assert_array_equal(again.confusion, found.report.confusion)
    scorer = load_fine_tuned(found.data, device="cpu", batch_size=8, runtime="torch", outputs=("logits",))
    given = np.array(again.classes)[scorer.encode(PICTURES)[:, :3].argmax(axis=1)]
    assert (given == LABELS).mean() >= 0.85
    features = load_fine_tuned(found.data, device="cpu", batch_size=8, runtime="torch", outputs=("features",))
    assert features.dimension not in (3, scorer.dimension)
    assert scorer.dimension == (1000 if keep_head else 3)


@pytest.mark.parametrize(("layers", "schedule"), [("last", "plateau"), ("all", "plateau"), ("all", "one_cycle")])
def test_broken_off_after_every_epoch_it_gives_the_same_bits(layers: str, schedule: str) -> None:
    settings = replace(SETTINGS, layers=layers, schedule=schedule, epochs=3, patience=3, plateau=1, augment="turn")
    whole = fine_tune(PICTURES, IDS, LABELS, settings=settings, seed=1)
    state, parts = b"", 0
    while True:
        try:
            course = Course(over=lambda: True, state=state)
            broken = fine_tune(PICTURES[::-1], IDS[::-1], LABELS[::-1], settings=settings, seed=1, course=course)
            break
        except TrainingPausedError as pause:
            state, parts = pause.state, parts + 1
    assert parts == 2
    assert broken.data == whole.data


def test_running_statistics_are_kept_with_the_best_weights() -> None:
    """What is read back has the lowest held-out loss of all epochs, though the last ones were worse."""
    settings = replace(SETTINGS, layers="all", learning_rate=0.03, epochs=6, patience=6)
    found = fine_tune(PICTURES, IDS, LABELS, settings=settings, seed=1)
    losses = [epoch.test_loss for epoch in found.history if epoch.test_loss is not None]
    assert losses[-1] > min(losses), "so that keeping the best matters"
    order = np.argsort(IDS)
    classes = np.unique(LABELS, return_inverse=True)[1]
    held_out = order[stratified_split(IDS[order], classes[order], 0.25).test]
    scorer = load_fine_tuned(found.data, device="cpu", batch_size=8, runtime="torch", outputs=("logits",))
    scores = torch.from_numpy(scorer.encode(PICTURES[held_out]))
    kept = torch.nn.functional.cross_entropy(scores, torch.from_numpy(classes[held_out]))
    assert float(kept) == pytest.approx(min(losses), rel=1e-3)


def test_a_share_of_each_class_is_held_out_and_one_picture_trains() -> None:
    classes = np.array([0] * 40 + [1] * 5 + [2])
    split = stratified_split(np.arange(46, dtype=np.uint64), classes, 0.2)
    assert np.bincount(classes[split.test], minlength=3).tolist() == [8, 1, 0]
    assert np.array_equal(np.sort(np.concatenate([split.train, split.test])), np.arange(46))


def test_look_alikes_are_on_one_side() -> None:
    """Tens of look-alikes beside single pictures; no class gives more than its share, and single ones split as ever."""
    classes, ids = np.array([0] * 60 + [1] * 60), np.arange(120, dtype=np.uint64)
    groups = np.concatenate([np.arange(30), np.repeat([30, 40, 50], 10), np.repeat(np.arange(60, 120, 5), 5)])
    split = stratified_split(ids, classes, 0.25, groups)
    held_out = np.isin(np.arange(120), split.test)
    for group in np.unique(groups):
        assert len(set(held_out[groups == group].tolist())) == 1
    assert np.bincount(classes[split.test]).tolist() == [15, 15]
    alone = stratified_split(ids, classes, 0.25, np.arange(120)[::-1])
    np.testing.assert_array_equal(alone.test, stratified_split(ids, classes, 0.25).test)


def test_what_looks_like_a_judged_picture_is_not_learnt_from() -> None:
    """Ten pictures with a wrong label look like judged ones; learnt from, they would be kept in mind."""
    held_out = np.arange(48) >= 40
    labels, groups = LABELS.copy(), np.arange(48)
    groups[:10] = 40
    labels[:10] = "flat"
    settings = replace(SETTINGS, epochs=2)
    without = fine_tune(PICTURES[10:], IDS[10:], labels[10:], settings=settings, seed=1, held_out=held_out[10:])
    beside = fine_tune(PICTURES, IDS, labels, settings=settings, seed=1, held_out=held_out, groups=groups)
    np.testing.assert_array_equal(beside.report.confusion, without.report.confusion)
    assert [one.train_loss for one in beside.history] == [one.train_loss for one in without.history]


def test_the_temperature_is_that_of_the_held_out_pictures() -> None:
    found = fine_tune(PICTURES, IDS, LABELS, settings=SETTINGS, seed=1)
    order = np.argsort(IDS)
    classes = np.unique(LABELS, return_inverse=True)[1]
    held_out = order[stratified_split(IDS[order], classes[order], 0.25).test]
    scorer = load_fine_tuned(found.data, device="cpu", batch_size=8, runtime="torch", outputs=("logits",))
    temperature = read_report(found.data).temperature
    assert temperature != 1.0
    assert fit_temperature(scorer.encode(PICTURES[held_out]), classes[held_out]) == pytest.approx(temperature, rel=1e-3)


def test_rare_classes_weigh_more_unless_they_are_not_to() -> None:
    """One odd picture among many: weights let it be found."""
    labels = np.array(["flat"] * 48, dtype=object)
    labels[LABELS == "down"] = ["flat"] * 12 + ["down"] * 4
    pictures = PICTURES.copy()
    pictures[(LABELS == "down") & (labels == "flat")] = PICTURES[LABELS == "flat"][0]
    settings = replace(SETTINGS, test_fraction=0.0, epochs=3)
    recalls = []
    for balance in ("none", "weights"):
        found = fine_tune(pictures, IDS, labels.astype(str), settings=replace(settings, balance=balance), seed=1)
        scorer = load_fine_tuned(found.data, device="cpu", batch_size=8, runtime="torch", outputs=("logits",))
        scores = scorer.encode(pictures[labels == "down"])
        recalls.append(float((scores[:, 0] - scores[:, 1]).mean()))
    assert recalls[1] > recalls[0]


def test_a_report_by_hand() -> None:
    report = ClassReport(("a", "b"), np.array([[3, 1], [0, 0]]))
    assert report.accuracy == 0.75
    assert report.rows() == [("a", 4, 1.0, 0.75, 6 / 7), ("b", 0, 0.0, 0.0, 0.0)]
    assert np.isnan(ClassReport(("a",), np.zeros((1, 1), np.int64)).accuracy)


@pytest.mark.parametrize("augment", ["shift", "turn", "tilt"])
def test_pictures_are_changed_by_their_numbers_alone(augment: Augment) -> None:
    images = torch.from_numpy(PICTURES[:4])
    numbers = np.array([3, 3, 70_000, 5], np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    first, second = (augmented(images[i:], numbers[i:], augment=augment) for i in (0, 2))
    assert first.shape == images.shape
    assert torch.equal(first[2:], second)
    assert not torch.equal(first[0], images[0])


def test_what_is_tilted_stays_upright() -> None:
    """A bright field on the left is on the left of every changed picture."""
    images = torch.zeros(64, 32, 32, dtype=torch.uint8)
    images[:, :, :16] = 200
    numbers = np.random.default_rng(0).integers(0, 2**63, 64).astype(np.uint64)
    found = augmented(images, numbers, augment="tilt").float()
    assert (found[:, :, :8].mean(dim=(1, 2)) > found[:, :, -8:].mean(dim=(1, 2)) + 50).all()
    assert len(torch.unique(found.flatten(1), dim=0)) == 64


def test_pictures_that_are_named_are_held_out() -> None:
    """What judges is not learnt: with the labels of the judged ones exchanged, all of them are judged wrong."""
    held_out = np.zeros(48, bool)
    held_out[np.flatnonzero(LABELS != "flat")[:10]] = True
    exchanged = LABELS.copy()
    exchanged[held_out] = np.where(LABELS[held_out] == "down", "across", "down")
    settings = replace(SETTINGS, layers="all", epochs=5)
    found = fine_tune(PICTURES, IDS, exchanged, settings=settings, seed=1, held_out=held_out)
    assert found.report.confusion.sum() == 10
    assert found.report.accuracy <= 0.2
    exchanged[held_out] = "none"
    with pytest.raises(StageError, match=r"1 classes that it does not learn \(none\)"):
        fine_tune(PICTURES, IDS, exchanged, settings=settings, seed=1, held_out=held_out)


def test_what_cannot_be_learnt_ends_in_a_sentence() -> None:
    with pytest.raises(StageError, match="only 'x'"):
        fine_tune(PICTURES[:3], IDS[:3], np.array(["x"] * 3), settings=SETTINGS, seed=0)
    many = np.array([f"{i:04}" for i in range(1001)])
    with pytest.raises(UsageError, match="1000 outputs, fewer than the 1001"):
        fine_tune(
            np.zeros((1001, 32, 32), np.uint8), np.arange(1001, dtype=np.uint64), many,
            settings=replace(SETTINGS, keep_head=True), seed=0,
        )  # fmt: skip
    with pytest.raises(WeightsError, match="no fine-tuned network"):
        read_report(b"none of this")
