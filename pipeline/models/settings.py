"""Settings of the networks that are trained on the corpus itself; the only place of their defaults."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from pipeline.errors import UsageError

Activation = Literal["relu", "tanh", "selu", "sigmoid"]
Views = Literal[1, 4, 8]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedSettings:
    """Settings of the stacked autoencoder on vectors.

    Attributes
    ----------
    layers : tuple of int
        Widths of the encoder's layers; the last is the code's length.
    activation : {"relu", "tanh", "selu", "sigmoid"}
        Of every hidden layer. The code and the reconstruction are always linear.
    tied : bool
        The decoder's outermost weight is the transpose of the encoder's outermost.
    pretrain_epochs, finetune_epochs : int
        Epochs of each greedy layer and of the whole network afterwards.
    batch_size : int
        Rows of a training step; also the fixed batch of the encoder.
    learning_rate : float
        Of Adam.
    test_fraction : float
        Share of the rows, chosen by their ids, that only measure the loss; 0 <= fraction < 1.
    """

    layers: tuple[int, ...] = (500, 150, 10)
    activation: Activation = "relu"
    tied: bool = False
    pretrain_epochs: int = 10
    finetune_epochs: int = 30
    batch_size: int = 256
    learning_rate: float = 1e-3
    test_fraction: float = 0.1

    def __post_init__(self) -> None:
        _require(len(self.layers) > 0 and min(self.layers) > 0, self, "layers", "one or more positive widths")
        _require(self.activation in get_args(Activation), self, "activation", f"in {get_args(Activation)}")
        _require(self.pretrain_epochs >= 0, self, "pretrain_epochs", "at least 0")
        _require(self.finetune_epochs >= 0, self, "finetune_epochs", "at least 0")
        _check_training(self)


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


def _check_training(settings: "StackedSettings | ConvolutionalSettings") -> None:
    _require(settings.batch_size >= 1, settings, "batch_size", "at least 1")
    _require(settings.learning_rate > 0, settings, "learning_rate", "greater than 0")
    _require(0 <= settings.test_fraction < 1, settings, "test_fraction", "at least 0 and less than 1")


def _require(holds: bool, settings: object, name: str, expected: str) -> None:
    if not holds:
        found = getattr(settings, name)
        raise UsageError(f"{type(settings).__name__}.{name} is {found!r}, but must be {expected}.")
