"""A dense autoencoder, also with sparse codes."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.networks.vector_network import HiddenActivation, VectorNetworkSettings, entry
from pipeline.settings import Name

if TYPE_CHECKING:
    from pipeline.models.vector_networks.settings import VectorSettings


class DenseSettings(VectorNetworkSettings):
    """Dense layers to a code and back."""

    network: Literal["dense"] = "dense"
    name: Name = "dense"
    layers: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(
        (64,), description="widths down to the code; the decoder mirrors them"
    )
    activation: HiddenActivation = Field("relu", description="of all layers, the code's included, but the output")
    l1: Annotated[float, Field(ge=0)] = Field(0.0, description="times the mean size of a code's value: sparse codes")

    def model_settings(self) -> "VectorSettings":
        """Settings of the model."""
        from pipeline.models.vector_networks import dense

        return dense.DenseSettings(**self.shared(), layers=self.layers, activation=self.activation, l1=self.l1)


NETWORK = entry(DenseSettings)
