"""Settings of contrastive learning; the only place of their defaults."""

from dataclasses import dataclass
from typing import Literal, get_args

from pipeline.errors import UsageError

Flips = Literal["none", "horizontal", "any"]
Outside = Literal["dark", "mirrored"]
Layout = Literal["seen", "averaged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastiveSettings:
    """Settings of a network that learns which two changed pictures were one.

    Attributes
    ----------
    image_shape : tuple of int
        Height and width of a picture; a row is its pixels, row by row.
    channels : tuple of int
        Of the convolutional stages; the first and the second halve the side, the others keep it.
    code_size : int
        Length of a code.
    projection_size : int
        Length of what the loss is taken of; this layer is for training only.
    epochs, batch_size, learning_rate
        Of Adam; the learning rate falls to 0 by a cosine. A last batch that is not full is left out.
    temperature : float
        Of the loss: small values look at the likest pictures only.
    turn_degrees, shift, scale, shear, bend : float
        Largest changes: a turn in degrees, a shift in sides of the picture, a relative change of width and of height,
        a shear, and a smooth displacement in sides of the picture.
    weight : float
        Largest change of thickness: the share of the picture with thicker or thinner strokes that is mixed in.
    crop : float
        Smallest side of the part that is seen, in sides of the picture; 1: all of it.
    flip : {"none", "horizontal", "any"}
        Mirrored or not, or any of the 8 symmetries of the square (a picture that is not square keeps its sides: 4).
    contrast : float
        Largest relative change of contrast, and change of brightness in standard deviations, of a normalised picture.
    outside : {"dark", "mirrored"}
        What comes into sight beyond the picture's edge.
    normalised : bool
        Each picture has mean 0 and standard deviation near 1 before anything else; else values are divided by the
        largest one of the training.
    layout : {"seen", "averaged"}
        Whether the code sees where things lie, as for digits, or the mean over the picture, as for textures.
    """

    image_shape: tuple[int, int]
    channels: tuple[int, ...] = (24, 48, 96)
    code_size: int = 64
    projection_size: int = 64
    epochs: int = 3
    batch_size: int = 512
    learning_rate: float = 2e-3
    temperature: float = 0.3
    turn_degrees: float = 25.0
    shift: float = 0.08
    scale: float = 0.3
    shear: float = 0.4
    bend: float = 0.1
    weight: float = 0.8
    crop: float = 1.0
    flip: Flips = "none"
    contrast: float = 0.0
    outside: Outside = "dark"
    normalised: bool = False
    layout: Layout = "seen"

    def __post_init__(self) -> None:
        if min(self.image_shape) < 4 or len(self.channels) < 2 or min(self.channels) < 1:
            raise UsageError(
                f"A picture of {self.image_shape} with the channels {self.channels}: sides of at least 4 pixels and "
                "at least two stages are needed."
            )
        for name in ("code_size", "projection_size", "epochs", "learning_rate", "temperature"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be positive.")
        if self.batch_size < 2:
            raise UsageError(f"batch_size is {self.batch_size}; a picture is compared with others, so at least 2.")
        for name in ("turn_degrees", "shift", "scale", "shear", "bend", "weight", "contrast"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}; it must not be negative.")
        if not 0 < self.crop <= 1:
            raise UsageError(f"crop is {self.crop}; it must be above 0 and at most 1.")
        for name, kind in (("flip", Flips), ("outside", Outside), ("layout", Layout)):
            if getattr(self, name) not in get_args(kind):
                raise UsageError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(get_args(kind))}.")
