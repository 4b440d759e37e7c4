"""A convolutional autoencoder along a vector, as for spectra."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.networks.vector_network import VectorNetworkSettings, entry
from pipeline.settings import Name

if TYPE_CHECKING:
    from pipeline.models.vector_networks.settings import VectorSettings


class Convolutional1dSettings(VectorNetworkSettings):
    """Convolutions along a vector whose values have an order, such as a spectrum's."""

    network: Literal["convolutional_1d"] = "convolutional_1d"
    name: Name = "convolutional_1d"
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(
        (16, 32), description="of the stages, each of which halves the length"
    )
    kernel: PositiveInt = Field(5, description="neighbouring values that one output rests on; odd")
    outputs: PositiveInt = Field(16, description="length of a code")

    def model_settings(self) -> "VectorSettings":
        """Settings of the model."""
        from pipeline.models.vector_networks import convolutional_1d

        return convolutional_1d.Convolutional1dSettings(
            **self.shared(), channels=self.channels, kernel=self.kernel, outputs=self.outputs
        )


NETWORK = entry(Convolutional1dSettings)
