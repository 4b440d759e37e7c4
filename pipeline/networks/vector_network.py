"""What the studies' autoencoders on vectors share: settings of training, training, loading."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveInt, model_validator

from pipeline.networks.base import CodeNetworkSettings, Network, RowEncoder, Trained, TrainingRows

if TYPE_CHECKING:
    from pipeline.models.vector_networks.settings import VectorSettings

HiddenActivation = Literal["elu", "relu", "tanh", "selu", "sigmoid", "linear"]


class VectorNetworkSettings(CodeNetworkSettings):
    """Settings that every autoencoder of this kind has."""

    scaling: Literal["none", "standard", "min_max"] = Field(
        "min_max", description="of each column by the training vectors: to mean 0 and deviation 1, or to 0 to 1"
    )
    output: Literal["linear", "sigmoid"] = Field("sigmoid", description="activation of the reconstruction")
    loss: Literal["mse", "bce"] = Field(
        "mse", description="mean squared error, or binary cross-entropy, which needs a sigmoid output"
    )
    optimiser: Literal["adam", "rmsprop"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    batch_size: PositiveInt = 128
    epochs: PositiveInt = 50
    min_steps: Annotated[int, Field(ge=0)] = Field(
        4000, description="steps of the training: on few pictures an epoch is several passes over them"
    )
    patience: Annotated[int, Field(ge=0)] = Field(
        6, description="epochs without a lower held-out loss that end the training, with the best weights; 0: all"
    )
    plateau: Annotated[int, Field(ge=0)] = Field(
        2, description="epochs without a lower held-out loss that halve the learning rate; 0: never"
    )

    @model_validator(mode="after")
    def _loss_fits_output(self) -> "VectorNetworkSettings":
        if self.loss == "bce" and self.output != "sigmoid":
            raise ValueError('loss: "bce" needs output = "sigmoid"')
        return self

    def model_settings(self) -> "VectorSettings":
        """Settings of the model."""
        raise NotImplementedError

    def shared(self) -> dict[str, Any]:
        """What `model_settings` takes of the settings that all have."""
        return self.model_dump(include=set(VectorNetworkSettings.model_fields) - set(CodeNetworkSettings.model_fields))

    @property
    def training_epochs(self) -> int:
        """Passes over the vectors."""
        return self.epochs


def train(settings: VectorNetworkSettings, rows: TrainingRows) -> Trained:
    """Train it, or go on."""
    from pipeline.models.course import Course
    from pipeline.models.runtime import pick_device
    from pipeline.models.serialisation import network_to_bytes
    from pipeline.models.vector_networks.training import train_vector_network

    trained = train_vector_network(
        rows.rows,
        rows.ids,
        settings=settings.model_settings(),
        seed=settings.seed,
        device=pick_device(settings.device),
        course=Course(over=rows.over, state=rows.state),
    )
    return Trained(network_to_bytes(trained), trained.history)


def load(settings: VectorNetworkSettings, data: bytes) -> RowEncoder:
    """The network, ready to encode."""
    from pipeline.models.runtime import pick_device
    from pipeline.models.serialisation import build_encoder

    return build_encoder(data, device=pick_device(settings.device))


def width(settings: VectorNetworkSettings, _: bytes) -> int:
    """Length of a code."""
    return settings.model_settings().code_size


def entry(settings: type[VectorNetworkSettings]) -> Network:
    """The entry of such an autoencoder."""
    return Network(settings, width, load, seconds_per_row=0.0001, train=train, seconds_per_trained_row=0.0002)
