"""A convolutional autoencoder that is trained on the corpus itself."""

from typing import Literal

from pydantic import Field, PositiveInt

from pipeline.networks.base import Network, PictureEncoder, SquareNetworkSettings, Trained, TrainingRows
from pipeline.settings import Name


class CaeSettings(SquareNetworkSettings):
    """A convolutional autoencoder, trained on the corpus itself to complete pictures."""

    network: Literal["cae"] = "cae"
    name: Name = "cae"
    code_size: PositiveInt = Field(64, description="length of the vector")
    input_size: PositiveInt = Field(96, description="side in pixels of what it sees")
    epochs: PositiveInt = 15
    batch_size: PositiveInt = 16
    max_training_images: PositiveInt = Field(20_000, description="trained on at most so many")

    def fit_settings(self) -> dict[str, object]:
        """Settings that decide the training's result."""
        chosen = {"code_size", "input_size", "epochs", "batch_size", "max_training_images", "seed"}
        return self.model_dump(include=chosen)

    def row_settings(self) -> dict[str, object]:
        """Settings that decide a vector's values beside the network's weights."""
        return {"model": "autoencoder"}

    @property
    def training(self) -> tuple[str, bool, str]:
        """Layers, whether they are tied, activation."""
        return "autoencoder", False, "relu"

    @property
    def training_epochs(self) -> int:
        """Passes over the pictures."""
        return self.epochs


def train(settings: CaeSettings, rows: TrainingRows) -> Trained:
    """Train it, or go on."""
    from pipeline.models.convolutional import train_convolutional_autoencoder
    from pipeline.models.course import Course
    from pipeline.models.runtime import pick_device
    from pipeline.models.serialisation import network_to_bytes
    from pipeline.models.settings import ConvolutionalSettings

    trained = train_convolutional_autoencoder(
        rows.rows,
        rows.ids,
        settings=ConvolutionalSettings(
            code_size=settings.code_size,
            input_size=settings.input_size,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
        ),
        seed=settings.seed,
        device=pick_device(settings.device),
        course=Course(over=rows.over, state=rows.state),
    )
    return Trained(network_to_bytes(trained), trained.history)


def load(settings: CaeSettings, data: bytes) -> PictureEncoder:
    """The network, ready to encode."""
    from pipeline.models.convolutional import ConvolutionalEncoder
    from pipeline.models.runtime import pick_device
    from pipeline.models.serialisation import network_from_bytes

    return ConvolutionalEncoder(network_from_bytes(data), device=pick_device(settings.device))


def width(settings: CaeSettings, _: bytes) -> int:
    """Length of a vector."""
    return settings.code_size


NETWORK = Network(CaeSettings, width, load, seconds_per_row=0.005, train=train, seconds_per_trained_row=0.002)
