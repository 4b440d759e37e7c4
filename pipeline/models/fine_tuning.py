"""A backbone that learns the labels of the corpus: its last layer alone, or all of it.

Where all layers learn, batch normalisation takes each batch's own statistics and keeps their running means, by which
the network judges and embeds: a picture's features do not depend on its company. With the statistics that it came with,
those of other pictures at another size, it hardly learns (5 classes of 60 traffic signs of 48 px, 48 steps: loss 0.47
instead of 0.13 at a rate of 0.001). Dropout is left out.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.errors import StageError, UsageError, WeightsError
from pipeline.kernels.calibration import (
    calibrated_error,
    expected_calibration_error,
    fit_temperature,
    probabilities,
)
from pipeline.models.adam import Adam
from pipeline.models.augmentation import Augment, augmented
from pipeline.models.backbones import BackboneEncoder, NormalisedModel, Output, Runtime, normalised_model
from pipeline.models.course import Course
from pipeline.models.depthwise import hasten_depthwise
from pipeline.models.losses import EpochLoss
from pipeline.models.runtime import deterministic, seeded
from pipeline.models.schedules import Rules
from pipeline.models.stored_pictures import Pictures
from pipeline.models.timm_model import timm_model
from pipeline.models.training import (
    STREAM_AUGMENT,
    STREAM_SPLIT,
    Split,
    hash_ids,
    order_by_id,
    state_to_bytes,
    train_epochs,
)

Layers = Literal["last", "all"]
Balance = Literal["weights", "none"]
Schedule = Literal["plateau", "one_cycle"]
_KEY = "semcorpus"
_ENCODED_AT_ONCE = 64
_FEWEST_PICTURES = 8  # of a batch whose statistics are taken; a smaller one has the running ones
_MOMENTUM = 0.1  # a batch's share of the running statistics, once ten batches have had an equal one


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuning:
    """How a backbone learns labels; defaults and meanings are those of `pipeline.networks.finetuned`."""

    model: str
    weights: str
    layers: Layers
    keep_head: bool
    epochs: int
    batch_size: int
    learning_rate: float
    schedule: Schedule
    patience: int
    plateau: int
    balance: Balance
    augment: Augment
    test_fraction: float
    watched: int

    def rules(self) -> Rules:
        """How its learning rate runs and when it ends."""
        if self.schedule == "one_cycle":
            return Rules(one_cycle=True, test_rows=self.watched)
        return Rules(patience=self.patience, plateau=self.plateau, test_rows=self.watched)


@dataclass(frozen=True, slots=True)
class ClassReport:
    """How held-out pictures were judged.

    Attributes
    ----------
    classes : tuple of str
        Ascending.
    confusion : int64 [C, C]
        Pictures by true class (rows) and by the class they were given.
    temperature : float
        Scores are divided by it before they become probabilities: under it the held-out pictures are likeliest.
    calibration_error, uncalibrated_error : float
        Expected calibration error with and without a temperature, each picture's from others; NaN without pictures.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    temperature: float = 1.0
    calibration_error: float = float("nan")
    uncalibrated_error: float = float("nan")

    @property
    def accuracy(self) -> float:
        """Share of the held-out pictures that were given their class; NaN without any."""
        total = int(self.confusion.sum())
        return float(np.trace(self.confusion) / total) if total else float("nan")

    def rows(self) -> list[tuple[str, int, float, float, float]]:
        """Class, pictures, precision, recall and F1; 0 where nothing was given or there is nothing."""
        found = []
        for place, name in enumerate(self.classes):
            right = int(self.confusion[place, place])
            true, given = int(self.confusion[place].sum()), int(self.confusion[:, place].sum())
            precision, recall = right / max(1, given), right / max(1, true)
            f1 = 2 * right / max(1, true + given)
            found.append((name, true, precision, recall, f1))
        return found


@dataclass(frozen=True, slots=True)
class FineTuned:
    """A fine-tuned network as bytes, how it learnt, and how it judges pictures that it has not learnt from."""

    data: bytes
    history: tuple[EpochLoss, ...]
    report: ClassReport


def stratified_split(
    ids: NDArray[np.uint64],
    classes: NDArray[np.int64],
    test_fraction: float,
    groups: NDArray[np.int64] | None = None,
) -> Split:
    """Hold out a share of every class, chosen by the hash of the ids; at least one picture of a class trains.

    Parameters
    ----------
    ids : uint64 [N], ascending
        Of representatives: copies of one picture stand behind one id, and are all on one side.
    classes : int64 [N]
    groups : int64 [N], optional
        Pictures of one number look alike and are all on one side: held out where no class gives more than its share.
    """
    numbers, test = hash_ids(ids, STREAM_SPLIT), np.zeros(len(ids), bool)
    places = np.arange(len(ids)) if groups is None else np.unique(groups, return_inverse=True)[1]
    counts = np.bincount(classes)
    left = np.minimum(np.round(test_fraction * counts).astype(np.int64), counts - 1)
    first = np.full(places.max(initial=-1) + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(first, places, numbers)
    order = np.lexsort((places, first[places]))
    for members in np.split(order, np.flatnonzero(np.diff(places[order])) + 1):
        taken = np.bincount(classes[members], minlength=len(left))
        if np.all(taken <= left):
            left -= taken
            test[members] = True
    return Split(ids, np.flatnonzero(~test), np.flatnonzero(test))


def fine_tune(
    pictures: Pictures,
    ids: NDArray[np.uint64],
    labels: NDArray[np.generic],
    *,
    settings: FineTuning,
    seed: int,
    held_out: NDArray[np.bool_] | None = None,
    groups: NDArray[np.int64] | None = None,
    device: str = "cpu",
    course: Course | None = None,
) -> FineTuned:
    """Teach a backbone labels.

    Parameters
    ----------
    pictures : uint8 [N, S, S], or `StoredPictures`
    ids : uint64 [N]
        Unique. Splits, shuffles and augmentation follow from them.
    labels : text [N]
    settings : FineTuning
    seed : int
    held_out : bool [N], optional
        Pictures that it is judged on and does not learn from; None: a share of each class (`stratified_split`).
    groups : int64 [N], optional
        Pictures of one number look alike: they are on one side of the split, and none that looks like a given held-out
        picture is learnt from.
    device : str
    course : Course, optional
        Where an earlier part of the training was, and when to break off.

    Raises
    ------
    StageError
        There are no two classes to learn, a held-out picture is of none of them, or training diverges.
    UsageError
        The head that is to be kept has fewer outputs than there are classes.
    TrainingPausedError
        The course says that it is over for now.
    """
    order = order_by_id(ids, len(pictures))
    kept = np.zeros(len(order), bool) if held_out is None else held_out[order]
    names, classes = _classes(labels[order].astype(str), kept)
    alike = None if groups is None else groups[order]
    if held_out is None:
        split = stratified_split(ids[order], classes, settings.test_fraction, alike)
    else:
        shown = kept if alike is None else np.isin(alike, alike[kept])
        split = Split(ids[order], np.flatnonzero(~shown), np.flatnonzero(kept))
    course = Course() if course is None else course
    with deterministic():
        module = _with_head(settings, len(names), pictures.shape[1], seed).to(device).eval()
        hasten_depthwise(module)
        learning = _Learning(module, pictures, order, split, torch.from_numpy(classes), settings, seed, device)
        parameters, buffers = learning.parameters(), learning.buffers()
        optimiser = Adam(parameters, learning_rate=settings.learning_rate)
        course.begin(module)
        course.register("train", optimiser)
        history = train_epochs(
            parameters,
            learning.loss,
            split,
            phase="train",
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            seed=seed,
            rows_per_epoch=None,
            on_epoch=None,
            rules=settings.rules(),
            optimiser=optimiser,
            course=course,
            buffers=buffers,
        )
        report = learning.report(tuple(names.tolist()))
    return FineTuned(_to_bytes(module, settings, pictures.shape[1], report), tuple(history), report)


def _classes(labels: NDArray[np.str_], held_out: NDArray[np.bool_]) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Names of the classes that are learnt, ascending, and each picture's class."""
    names = np.unique(labels[~held_out])
    if len(names) < 2:
        found = f"there is only {str(names[0])!r}" if len(names) else "there are no pictures to learn from"
        raise StageError(f"A network cannot learn to tell classes apart: {found}.")
    places = np.searchsorted(names, labels).clip(max=len(names) - 1)
    unknown = np.unique(labels[names[places] != labels])
    if len(unknown):
        learnt = ", ".join(names[:3].tolist()) + ", ..." * (len(names) > 3)
        raise StageError(
            f"The pictures that the network is to be judged on have {len(unknown)} classes that it does not learn "
            f"({', '.join(unknown[:3].tolist())}); it learns {learnt}."
        )
    return names, places.astype(np.int64)


def _with_head(settings: FineTuning, n_classes: int, side: int, seed: int) -> NormalisedModel:
    """The backbone with a new head, or with its own."""
    module = normalised_model(settings.model, weights=settings.weights, seed=seed, image_size=side)
    model = timm_model(module.model)
    if settings.keep_head:
        if model.num_classes < n_classes:
            raise UsageError(
                f"The head of {settings.model} has {model.num_classes} outputs, fewer than the {n_classes} classes; "
                "leave keep_head out."
            )
        return module
    with seeded(seed):
        model.reset_classifier(n_classes)
    return module


@dataclass(slots=True)
class _Learning:
    """The task of telling classes apart; row r is the picture ``pictures[order[r]]``."""

    module: NormalisedModel
    pictures: Pictures
    order: NDArray[np.int64]
    split: Split
    classes: torch.Tensor
    settings: FineTuning
    seed: int
    device: str
    _features: torch.Tensor | None = None

    def parameters(self) -> list[nn.Parameter]:
        model = timm_model(self.module.model)
        chosen = self.module if self.settings.layers == "all" else model.get_classifier()
        return list(chosen.parameters())

    def buffers(self) -> list[torch.Tensor]:
        """Running statistics, which begin anew with the first batch: those of other pictures do not count."""
        found = list[torch.Tensor]()
        for part in _batch_norms(self.module) if self.settings.layers == "all" else ():
            if part.running_mean is not None and part.running_var is not None and part.num_batches_tracked is not None:
                part.num_batches_tracked.zero_()
                found += [part.running_mean, part.running_var]
        return found

    def loss(self, rows: NDArray[np.int64], epoch: int | None) -> torch.Tensor:
        return functional.cross_entropy(self._scores(rows, epoch), self.classes[rows].to(self.device), self._weights())

    def _scores(self, rows: NDArray[np.int64], epoch: int | None) -> torch.Tensor:
        model = timm_model(self.module.model)
        if self.settings.layers == "last":  # nothing before the head moves: its inputs are calculated once
            scores: torch.Tensor = model.get_classifier()(self._frozen()[rows])
            return scores
        images = torch.from_numpy(self.pictures[self.order[rows]])
        if epoch is not None:
            numbers = hash_ids(self.split.ids[rows], STREAM_AUGMENT, self.seed, epoch)
            images = augmented(images, numbers, augment=self.settings.augment)
        for part in _batch_norms(self.module):
            part.train(epoch is not None and len(rows) >= _FEWEST_PICTURES)
            if part.training and part.num_batches_tracked is not None:
                part.momentum = max(_MOMENTUM, 1 / (1 + int(part.num_batches_tracked)))
        scored: torch.Tensor = self.module(images.to(self.device))
        return scored

    @torch.no_grad()
    def _frozen(self) -> torch.Tensor:
        if self._features is None:
            model, found = timm_model(self.module.model), []
            for start in range(0, len(self.order), _ENCODED_AT_ONCE):
                images = torch.from_numpy(self.pictures[self.order[start : start + _ENCODED_AT_ONCE]]).to(self.device)
                maps = model.forward_features(self.module.normalise(images))
                found.append(model.forward_head(maps, pre_logits=True))
            self._features = torch.cat(found)
        return self._features

    def _weights(self) -> torch.Tensor | None:
        """Of the classes: inverse to how many training pictures they have."""
        if self.settings.balance == "none":
            return None
        outputs = int(timm_model(self.module.model).get_classifier().weight.shape[0])
        counts = torch.bincount(self.classes[self.split.train], minlength=outputs).float()
        filled = counts > 0
        weights = torch.where(filled, counts.sum() / counts.clamp(min=1) / filled.sum(), torch.zeros(()))
        return weights.to(self.device)

    @torch.no_grad()
    def report(self, names: tuple[str, ...]) -> ClassReport:
        """Judge the held-out pictures; outputs of a kept head that stand for no class here are no answers."""
        rows, found = self.split.test, [np.zeros((0, len(names)), np.float32)]
        for start in range(0, len(rows), _ENCODED_AT_ONCE):
            scores = self._scores(rows[start : start + _ENCODED_AT_ONCE], None)[:, : len(names)]
            found.append(scores.cpu().numpy())
        scored, classes = np.concatenate(found), self.classes[rows].numpy()
        confusion = np.zeros((len(names), len(names)), np.int64)
        np.add.at(confusion, (classes, scored.argmax(axis=1)), 1)
        return ClassReport(
            names,
            confusion,
            fit_temperature(scored, classes),
            calibrated_error(scored, classes),
            expected_calibration_error(probabilities(scored, 1.0), classes),
        )


def _batch_norms(module: nn.Module) -> list[_BatchNorm]:
    return [part for part in module.modules() if isinstance(part, _BatchNorm)]


def _to_bytes(module: nn.Module, settings: FineTuning, side: int, report: ClassReport) -> bytes:
    facts = {
        "kind": "fine-tuned",
        "settings": dataclasses.asdict(settings),
        "side": side,
        "classes": report.classes,
        "confusion": report.confusion.tolist(),
        "temperature": report.temperature,
        "calibration_error": report.calibration_error,
        "uncalibrated_error": report.uncalibrated_error,
    }
    state = safetensors.torch.load(state_to_bytes(module))
    return safetensors.torch.save(state, {_KEY: json.dumps(facts, sort_keys=True)})


def read_facts(data: bytes) -> dict[str, Any]:
    """What is kept beside the weights of a fine-tuned network.

    Raises
    ------
    WeightsError
        The bytes are not those of one.
    """
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        facts: dict[str, Any] = json.loads(header["__metadata__"][_KEY])
    except (ValueError, KeyError) as error:
        raise WeightsError(f"These {len(data)} bytes are no fine-tuned network: {error}.") from error
    return facts


def read_report(data: bytes) -> ClassReport:
    """How a stored network judged its held-out pictures."""
    facts = read_facts(data)
    calibration = (facts[name] for name in ("temperature", "calibration_error", "uncalibrated_error"))
    return ClassReport(tuple(facts["classes"]), np.array(facts["confusion"], np.int64), *calibration)


def load_fine_tuned(
    data: bytes, *, device: str, batch_size: int, runtime: Runtime, outputs: Sequence[Output]
) -> BackboneEncoder:
    """A stored network as an encoder of features, of the scores of its classes, or of both in one pass."""
    facts = read_facts(data)
    settings = FineTuning(**facts["settings"])
    module = normalised_model(
        settings.model, weights="random", seed=0, image_size=facts["side"], packaged=settings.weights
    )
    model = timm_model(module.model)
    if not settings.keep_head:
        model.reset_classifier(len(facts["classes"]))
    module.load_state_dict(safetensors.torch.load(data))
    if "logits" not in outputs:
        model.reset_classifier(0)
    return BackboneEncoder(
        module.model,
        name=settings.model,
        device=device,
        image_size=facts["side"],
        any_size=not model.pretrained_cfg.get("fixed_input_size"),
        mean=module.mean.flatten().tolist(),
        std=module.std.flatten().tolist(),
        batch_size=batch_size,
        runtime="torch" if device != "cpu" else runtime,
        outputs=outputs,
    )
