"""A variational autoencoder."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.networks.vector_network import VectorNetworkSettings, entry
from pipeline.settings import Name

if TYPE_CHECKING:
    from pipeline.models.vector_networks.settings import VectorSettings


class VariationalSettings(VectorNetworkSettings):
    """A variational autoencoder: a vector's code is the mean of its distribution."""

    network: Literal["variational"] = "variational"
    name: Name = "variational"
    layers: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(
        (512, 256), description="widths before the code, with ReLU; the decoder mirrors them"
    )
    outputs: PositiveInt = Field(16, description="length of a code")
    divergence_weight: Annotated[float, Field(ge=0)] = Field(
        1.0, description="of the divergence from a normal distribution, beside the reconstruction's loss"
    )

    def model_settings(self) -> "VectorSettings":
        """Settings of the model."""
        from pipeline.models.vector_networks import variational

        return variational.VariationalSettings(
            **self.shared(), layers=self.layers, outputs=self.outputs, divergence_weight=self.divergence_weight
        )


NETWORK = entry(VariationalSettings)
