"""What a picture's texture is like, without weights: three descriptions side by side, each with as much say."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from pipeline.networks.base import Network, PictureEncoder, SquareNetworkSettings, Trained, TrainingRows
from pipeline.settings import Name

_VERSION = 1


class TexturesSettings(SquareNetworkSettings):
    """Local binary patterns, co-occurrences of gray levels and scattering: nothing but their scaling is fitted."""

    network: Literal["textures"] = "textures"
    name: Name = "textures"
    input_size: int = Field(128, ge=32, le=512, description="side in pixels of what is described")
    max_training_images: PositiveInt = Field(5_000, description="the scaling is fitted on at most so many")

    def fit_settings(self) -> dict[str, object]:
        """Settings that decide the fit, and the version of the descriptions."""
        return {**super().fit_settings(), "version": _VERSION}

    @property
    def training_epochs(self) -> int:
        """One pass."""
        return 1


def train(settings: TexturesSettings, rows: TrainingRows) -> Trained:
    """Fit the scaling: each value to mean 0 and deviation 1, each description to a variance of 1 in all."""
    import safetensors.numpy

    from pipeline.models.textures import fit_scaling

    return Trained(safetensors.numpy.save(fit_scaling(rows.rows)), ())


def load(settings: TexturesSettings, data: bytes) -> PictureEncoder:
    """The descriptions with their scaling."""
    import safetensors.numpy

    from pipeline.models.textures import TextureEncoder

    scaling: dict[str, NDArray[np.float64]] = safetensors.numpy.load(data)
    return TextureEncoder(scaling, image_size=settings.input_size)


def width(settings: TexturesSettings, _: bytes) -> int:
    """Length of a vector."""
    from pipeline.models.textures import WIDTHS

    return sum(WIDTHS)


NETWORK = Network(TexturesSettings, width, load, seconds_per_row=0.08, train=train, seconds_per_trained_row=0.08)
