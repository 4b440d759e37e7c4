"""Settings of the networks that are trained on the corpus itself; the only place of their defaults."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from pipeline.errors import UsageError

Activation = Literal["elu", "relu", "tanh", "selu", "sigmoid", "linear"]
Start = Literal["random", "pca"]
Views = Literal[1, 4, 8]

PHASES = ("1_a", "1_b", "1", "2", "g")
"""The study's phases, in the order of `StackedSettings.epochs`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedSettings:
    """Settings of the stacked autoencoder on vectors; the defaults are the study's.

    Attributes
    ----------
    layers : tuple of int
        Widths of the encoder's layers, L of them; the last is the code's length. The decoder mirrors them, so that
        there are 2 L layers in L pairs: layer 1 with layer 2 L (the outer pair), and so on to the inner pair.
    activation : tuple of str
        One name: of all layers but the last, which is linear. Or 2 L names, one a layer.
    tied : tuple of bool
        Whether the decoder's weight is the transpose of the encoder's, a flag a pair: inner, ..., outer.
    order : tuple of str
        Phases in the order of training, each any number of times: ``1_a`` trains the outer pair, ``1_b`` the
        second (``1_c`` ... follow in deeper networks), ``1`` all pairs but the inner one together, ``2`` the inner
        pair, ``g`` all of them. The inputs of ``1_b``, ``2`` ... are the codings of the layers before.
    epochs : tuple of int
        Of `PHASES`, in that order; ``1_c`` and further ones have those of ``1_b``.
    batch_size : int
        Rows of a training step; also the fixed batch of the encoder, rounded up to a multiple of 32.
    learning_rate : float
        Of Adam.
    l2 : float
        The loss of a phase has ``l2 / 2`` times the sum of the squared weights of its layers added; a tied weight
        counts once, biases do not.
    test_fraction : float
        Share of the rows, chosen by their ids, that only measure the loss; 0 <= fraction < 1.
    min_steps : int
        Steps that a phase takes at least: on few rows an epoch is several passes over them.
    patience : int
        Epochs without a lower test loss after which a phase ends; its best weights are kept, which may be those it
        began with. 0, or no test rows: all epochs are run and the last weights are kept.
    plateau : int
        Epochs without a lower test loss after which the learning rate is halved; 0: it stays.
    start : {"random", "pca"}
        Initial weights. With ``pca`` the network begins as the principal components of the training rows, exactly,
        and learns from there; needs the activation ``elu`` or ``linear``, and no layer narrower than the code.
    """

    layers: tuple[int, ...] = (100, 20, 3)
    activation: tuple[Activation, ...] = ("elu",)
    tied: tuple[bool, ...] = (False, False, False)
    order: tuple[str, ...] = ("g",)
    epochs: tuple[int, ...] = (5, 5, 5, 5, 10)
    batch_size: int = 150
    learning_rate: float = 1e-3
    l2: float = 1e-3
    test_fraction: float = 0.1
    min_steps: int = 0
    patience: int = 0
    plateau: int = 0
    start: Start = "random"

    def __post_init__(self) -> None:
        _require(len(self.layers) > 0 and min(self.layers) > 0, self, "layers", "one or more positive widths")
        depth = len(self.layers)
        known = set(self.activation) <= set(get_args(Activation))
        _require(
            known and len(self.activation) in (1, 2 * depth),
            self,
            "activation",
            f"one of {get_args(Activation)}, or {2 * depth} of them, one a layer",
        )
        _require(len(self.tied) == depth, self, "tied", f"{depth} flags, one a pair of layers: inner, ..., outer")
        phases = phase_names(depth)
        _require(set(self.order) <= set(phases), self, "order", f"a sequence of {phases}")
        _require(
            len(self.epochs) == len(PHASES) and min(self.epochs) >= 0,
            self,
            "epochs",
            f"{len(PHASES)} numbers of at least 0, those of the phases {PHASES}",
        )
        for name in ("l2", "min_steps", "patience", "plateau"):
            _require(getattr(self, name) >= 0, self, name, "at least 0")
        _require(self.start in get_args(Start), self, "start", f"one of {get_args(Start)}")
        if self.start == "pca":
            _require(set(self.activation) <= {"elu", "linear"}, self, "activation", "elu or linear with start = 'pca'")
            narrowest = min(self.layers) == self.layers[-1]
            _require(narrowest, self, "layers", "at least as wide as the code with start = 'pca'")
        _check_training(self)

    @property
    def activations(self) -> tuple[Activation, ...]:
        """One a layer, 2 L of them."""
        if len(self.activation) > 1:
            return self.activation
        return (*self.activation * (2 * len(self.layers) - 1), "linear")

    def epochs_of(self, phase: str) -> int:
        """Epochs of one phase."""
        return dict(zip(PHASES, self.epochs, strict=True)).get(phase, self.epochs[PHASES.index("1_b")])


def phase_names(depth: int) -> tuple[str, ...]:
    """Phases that a network of ``depth`` pairs has: three pairs have the study's five, a single pair ``2`` and ``g``.

    Examples
    --------
    >>> phase_names(4)
    ('1_a', '1_b', '1_c', '1', '2', 'g')
    """
    stacked = tuple(f"1_{chr(ord('a') + pair)}" for pair in range(depth - 1))
    return (*stacked, *(("1",) if depth > 1 else ()), "2", "g")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvolutionalSettings:
    """Settings of the convolutional autoencoder on pictures.

    Attributes
    ----------
    code_size : int
        Length of a picture's vector, at most twice the sum of ``channels``.
    input_size : int
        Side in pixels to which pictures are averaged down; a multiple of 2 ** stages and of ``mask_cell_px``.
    channels : tuple of int
        Channels of the encoder's stages; each stage halves the side. The decoder has half as many.
    views : {1, 4, 8}
        Orientations over which a vector is averaged: as given, 4 turns, or 4 turns and their mirror images.
    epochs, batch_size : int
        Pictures of a training step; also the fixed batch of the encoder.
    pictures_per_epoch : int
        At most so many pictures an epoch, other ones each time: bounds the time on a large corpus.
    learning_rate : float
        Of Adam.
    mask_fraction : float
        Share of each training picture that is blanked and has to be guessed; 0 <= fraction < 1.
    mask_cell_px : int
        Side of the blanked squares, in pixels of the network's input.
    augment : bool
        Train on pictures turned and mirrored at random. Brightness and contrast need no augmentation: they
        are normalised away.
    test_fraction : float
        Share of the pictures, chosen by their ids, that only measure the loss; 0 <= fraction < 1.
    """

    code_size: int = 64
    input_size: int = 96
    channels: tuple[int, ...] = (16, 24, 32, 32)
    views: Views = 8
    epochs: int = 15
    batch_size: int = 16
    pictures_per_epoch: int = 2048
    learning_rate: float = 4e-3
    mask_fraction: float = 0.5
    mask_cell_px: int = 8
    augment: bool = True
    test_fraction: float = 0.1

    def __post_init__(self) -> None:
        _require(
            len(self.channels) > 0 and min(self.channels) > 0,
            self,
            "channels",
            "positive numbers",
        )
        widest = 2 * sum(self.channels)
        _require(1 <= self.code_size <= widest, self, "code_size", f"1 to {widest} (twice the channels)")
        _require(self.views in get_args(Views), self, "views", f"one of {get_args(Views)}")
        _require(self.mask_cell_px >= 1, self, "mask_cell_px", "at least 1")
        unit = math.lcm(2 ** len(self.channels), self.mask_cell_px)
        _require(
            self.input_size >= unit and self.input_size % unit == 0,
            self,
            "input_size",
            f"a multiple of {unit}",
        )
        _require(self.epochs >= 0, self, "epochs", "at least 0")
        _require(self.pictures_per_epoch >= 1, self, "pictures_per_epoch", "at least 1")
        _require(0 <= self.mask_fraction < 1, self, "mask_fraction", "at least 0 and less than 1")
        _check_training(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepClusteringSettings:
    """Settings of deep embedded clustering.

    Attributes
    ----------
    n_clusters, code_size : int
    image_shape : tuple of int or None
        Height and width, if rows are pictures for convolutions; None for vectors and dense layers.
    layers : tuple of int
        Widths of the dense layers before the code, or channels of the convolutional stages.
    pretrain_epochs, batch_size, learning_rate
        Of Adam, first for the autoencoder alone.
    n_init : int
        Starts of k-means.
    update_interval : int
        Steps between two renewals of the target.
    max_renewals : int
        Renewals after which it ends in any case.
    tolerance : float
        It ends when a smaller share of the labels changed since the target before.
    clustering_weight, reconstruction_weight : float
        Of the two losses; with a reconstruction weight of 0 it is DEC, else IDEC.
    augment : bool
        Pictures are turned and shifted a little at random in training; the targets stay those of the pictures as
        they are.
    """

    n_clusters: int = 10
    code_size: int = 10
    image_shape: tuple[int, int] | None = None
    layers: tuple[int, ...] = (500, 500, 2000)
    pretrain_epochs: int = 50
    batch_size: int = 256
    learning_rate: float = 1e-3
    n_init: int = 20
    update_interval: int = 140
    max_renewals: int = 100
    tolerance: float = 1e-3
    clustering_weight: float = 0.1
    reconstruction_weight: float = 1.0
    augment: bool = False

    def __post_init__(self) -> None:
        _require(len(self.layers) > 0 and min(self.layers) > 0, self, "layers", "one or more positive widths")
        for name in ("n_clusters", "code_size", "batch_size", "n_init", "update_interval", "max_renewals"):
            _require(getattr(self, name) >= 1, self, name, "at least 1")
        for name in ("pretrain_epochs", "tolerance", "clustering_weight", "reconstruction_weight"):
            _require(getattr(self, name) >= 0, self, name, "at least 0")
        _require(self.learning_rate > 0, self, "learning_rate", "greater than 0")
        _require(
            not self.augment or self.image_shape is not None, self, "augment", "False for rows that are no pictures"
        )


def _check_training(settings: "StackedSettings | ConvolutionalSettings") -> None:
    _require(settings.batch_size >= 1, settings, "batch_size", "at least 1")
    _require(settings.learning_rate > 0, settings, "learning_rate", "greater than 0")
    _require(0 <= settings.test_fraction < 1, settings, "test_fraction", "at least 0 and less than 1")


def _require(holds: bool, settings: object, name: str, expected: str) -> None:
    if not holds:
        found = getattr(settings, name)
        raise UsageError(f"{type(settings).__name__}.{name} is {found!r}, but must be {expected}.")
