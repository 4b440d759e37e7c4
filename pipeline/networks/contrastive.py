"""A small network that learns the corpus' own pictures by contrast (SimCLR), without labels or weights of others."""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from pipeline.models.contrastive_settings import ContrastiveSettings, Flips, Layout, Outside
from pipeline.networks.base import Network, PictureEncoder, SquareNetworkSettings, Trained, TrainingRows
from pipeline.settings import Name

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_SHOWN = ContrastiveSettings(image_shape=(28, 28))
NotNegative = Annotated[float, Field(ge=0)]
AboveZero = Annotated[float, Field(gt=0)]


def _of(name: str, description: str) -> Any:
    """A setting with the model's default."""
    found: FieldInfo = Field(getattr(_SHOWN, name), description=description)
    return found


class ContrastiveNetworkSettings(SquareNetworkSettings):
    """A network that learns which two changed squares were one picture; the changes say what it is not to see.

    The defaults are those for handwritten digits and signs, which have an up and a down.
    """

    network: Literal["contrastive"] = "contrastive"
    name: Name = "contrastive"
    input_size: Annotated[int, Field(ge=8, le=512)] = Field(28, description="side in pixels of the square that it sees")
    channels: tuple[PositiveInt, ...] = _of("channels", "of the convolutional stages; the first two halve the side")
    code_size: PositiveInt = _of("code_size", "length of the vector, whose norm is 1")
    projection_size: PositiveInt = _of("projection_size", "length of what the loss is taken of, in training only")
    epochs: PositiveInt = _of("epochs", "passes over the pictures")
    batch_size: Annotated[int, Field(ge=2)] = _of("batch_size", "a picture is compared with the others of its batch")
    learning_rate: AboveZero = _of("learning_rate", "of Adam; it falls to 0 by a cosine")
    temperature: AboveZero = _of("temperature", "small values look at the likest pictures only")
    turn_degrees: NotNegative = _of("turn_degrees", "largest turn")
    shift: NotNegative = _of("shift", "largest shift, in sides of the picture")
    scale: NotNegative = _of("scale", "largest relative change of width and of height")
    shear: NotNegative = _of("shear", "largest shear")
    bend: NotNegative = _of("bend", "largest smooth displacement, in sides of the picture")
    weight: NotNegative = _of("weight", "largest change of strokes: share of the thicker or thinner picture")
    crop: Annotated[float, Field(gt=0, le=1)] = _of("crop", "smallest side of the part that is seen, in sides")
    flip: Flips = _of("flip", "mirrored or not, or any of the square's 8 symmetries")
    contrast: NotNegative = _of("contrast", "largest relative change of contrast, and of brightness in deviations")
    outside: Outside = _of("outside", "what comes into sight beyond the edge")
    normalised: bool = _of("normalised", "each picture to mean 0 and deviation 1 first: brightness is not seen")
    layout: Layout = _of("layout", "whether the code sees where things lie, or the mean over the picture")
    max_training_images: PositiveInt = Field(100_000, description="trained on at most so many")

    @model_validator(mode="after")
    def _makes_a_model(self) -> "ContrastiveNetworkSettings":
        try:
            self.model_settings()
        except ValueError as error:  # UsageError is one
            raise ValueError(str(error)) from error
        return self

    def model_settings(self) -> ContrastiveSettings:
        """Settings of the model."""
        names = {field.name for field in fields(ContrastiveSettings)} - {"image_shape"}
        chosen = {name: getattr(self, name) for name in names}
        return ContrastiveSettings(image_shape=(self.input_size, self.input_size), **chosen)

    @property
    def training(self) -> tuple[str, bool, str]:
        """Layers, whether they are tied, activation."""
        return "/".join(map(str, (*self.channels, self.code_size))), False, "relu"

    @property
    def training_epochs(self) -> int:
        """Passes over the pictures."""
        return self.epochs


def train(settings: ContrastiveNetworkSettings, given: TrainingRows) -> Trained:
    """Train it, or go on."""
    from pipeline.models.contrastive import train_contrastive_network
    from pipeline.models.course import Course
    from pipeline.models.runtime import pick_device
    from pipeline.models.serialisation import network_to_bytes

    rows = given.rows.reshape(len(given.rows), -1) if isinstance(given.rows, np.ndarray) else given.rows
    trained = train_contrastive_network(
        rows,
        given.ids,
        settings=settings.model_settings(),
        seed=settings.seed,
        device=pick_device(settings.device),
        course=Course(over=given.over, state=given.state),
    )
    return Trained(network_to_bytes(trained), trained.history)


def load(settings: ContrastiveNetworkSettings, data: bytes) -> PictureEncoder:
    """The network, ready to encode."""
    from pipeline.models.contrastive import ContrastiveEncoder
    from pipeline.models.runtime import pick_device
    from pipeline.models.serialisation import network_from_bytes

    return ContrastiveEncoder(network_from_bytes(data), device=pick_device(settings.device))


def width(settings: ContrastiveNetworkSettings, _: bytes) -> int:
    """Length of a vector."""
    return settings.code_size


NETWORK = Network(
    ContrastiveNetworkSettings, width, load, seconds_per_row=0.0005, train=train, seconds_per_trained_row=0.0016
)
