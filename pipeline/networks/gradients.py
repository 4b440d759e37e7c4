"""What edges lie where in a picture, without weights or training: for small pictures of things that stand upright."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.networks.base import Network, PictureEncoder, PictureNetworkSettings
from pipeline.settings import Name


class GradientsSettings(PictureNetworkSettings):
    """Histograms of oriented gradients: neither brightness nor contrast is seen, place and direction are."""

    network: Literal["gradients"] = "gradients"
    name: Name = "gradients"
    input_size: Annotated[int, Field(ge=8, le=512)] = Field(32, description="side in pixels of the square that it sees")
    cells: Annotated[int, Field(ge=2, le=64)] = Field(
        8, description="a side; each has 8 directions, and is seen in up to four blocks of 2 x 2"
    )

    @model_validator(mode="after")
    def _cells_fit(self) -> "GradientsSettings":
        if self.input_size % self.cells:
            raise ValueError(f"input_size = {self.input_size} is no multiple of cells = {self.cells}")
        return self


class GradientsEncoder:
    """Describes squares."""

    def __init__(self, settings: GradientsSettings) -> None:
        self.image_size, self._cells = settings.input_size, settings.cells
        self.dimension = width(settings, b"")

    def encode(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Vectors, float32 [n, (cells - 1)^2 32], of gray pictures, uint8 [n, S, S]; n may be 0."""
        from pipeline.kernels.oriented_gradients import oriented_gradients

        found = [oriented_gradients(image, self._cells) for image in images]
        return np.array(found, np.float32).reshape(len(images), self.dimension)


def load(settings: GradientsSettings, _: bytes) -> PictureEncoder:
    """There is nothing to load."""
    return GradientsEncoder(settings)


def width(settings: GradientsSettings, _: bytes) -> int:
    """Length of a vector."""
    from pipeline.kernels.oriented_gradients import DIRECTIONS

    return (settings.cells - 1) ** 2 * 4 * DIRECTIONS


NETWORK = Network(GradientsSettings, width, load, seconds_per_row=0.0006)
