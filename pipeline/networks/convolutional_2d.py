"""A convolutional autoencoder on vectors that hold a picture's values."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.networks.vector_network import VectorNetworkSettings, entry
from pipeline.settings import Name

if TYPE_CHECKING:
    from pipeline.models.vector_networks.settings import VectorSettings


class Convolutional2dSettings(VectorNetworkSettings):
    """Convolutions over vectors that are pictures, row by row."""

    network: Literal["convolutional_2d"] = "convolutional_2d"
    name: Name = "convolutional_2d"
    image_shape: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (32, 32, 3), description="height, width and colours of a vector; the sides are multiples of 2 to the stages"
    )
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(
        (16, 8, 8), description="of the stages, each of which halves both sides; the last are the code's maps"
    )

    def model_settings(self) -> "VectorSettings":
        """Settings of the model."""
        from pipeline.models.vector_networks import convolutional_2d

        return convolutional_2d.Convolutional2dSettings(
            **self.shared(), image_shape=self.image_shape, channels=self.channels
        )


NETWORK = entry(Convolutional2dSettings)
