"""The stacked autoencoder on vectors, with principal components as its floor."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from pipeline.networks.base import CodeNetworkSettings, Network, RowEncoder, Trained, TrainingRows
from pipeline.settings import Name

if TYPE_CHECKING:
    from pipeline.models.settings import StackedSettings

Activation = Literal["elu", "relu", "tanh", "selu", "sigmoid", "linear"]
Phase = Annotated[str, Field(pattern=r"^(1(_[a-z])?|2|g)$")]


class SaeSettings(CodeNetworkSettings):
    """One stacked autoencoder on one set of embeddings."""

    network: Literal["sae"] = "sae"
    name: Name = "sae"
    layers: tuple[PositiveInt, ...] = (32, 10)
    activation: Activation | tuple[Activation, ...] = Field(
        "elu", description="of all layers but the output, which is linear; or one a layer, encoder and decoder"
    )
    tied: bool | tuple[bool, ...] = Field(
        False, description="the decoder's weight is the transpose of the encoder's: a flag a pair, inner to outer"
    )
    order: tuple[Phase, ...] = Field(
        ("g",),
        description="phases of training: `1_a` the outer pair of layers, `1_b` the next one (on the codings of the "
        "layer before), `1` all pairs but the inner one, `2` the inner pair, `g` all",
    )
    pretrain_epochs: PositiveInt = Field(20, description="of every phase but `g`")
    epochs: PositiveInt = Field(40, description="of the phase `g`")
    min_steps: Annotated[int, Field(ge=0)] = Field(
        4000, description="steps of a phase: on few pictures an epoch is several passes over them"
    )
    patience: Annotated[int, Field(ge=0)] = Field(
        6, description="epochs without a lower held-out loss that end a phase, with the best weights; 0: all are run"
    )
    plateau: Annotated[int, Field(ge=0)] = Field(
        2, description="epochs without a lower held-out loss that halve the learning rate; 0: never"
    )
    start: Literal["auto", "pca", "random"] = Field(
        "auto",
        description="initial weights; `pca`: the principal components, which needs elu or linear and no layer "
        "narrower than the code; `auto`: that where it can be",
    )
    fallback: Literal["pca", "none"] = Field(
        "pca", description="what is kept if the network loses more on held-out pictures than principal components do"
    )
    batch_size: PositiveInt = 128
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    l2: Annotated[float, Field(ge=0)] = Field(0.0, description="of half the sum of the squared weights")

    @model_validator(mode="after")
    def _fits_layers(self) -> "SaeSettings":
        depth = len(self.layers)
        if not depth:
            raise ValueError("layers: at least one layer is needed")
        if not isinstance(self.activation, str) and len(self.activation) != 2 * depth:
            raise ValueError(f"activation: give one, or {2 * depth} of them: one a layer, encoder and decoder")
        if not isinstance(self.tied, bool) and len(self.tied) != depth:
            raise ValueError(f"tied: give one flag, or {depth} of them: one a pair of layers, inner to outer")
        deepest = chr(ord("a") + depth - 2)
        if wrong := [name for name in self.order if name[0] == "1" and (depth < 2 or name[2:] > deepest)]:
            raise ValueError(f"order: {wrong[0]!r} is no phase of a network with {depth} pairs of layers")
        if self.start == "pca" and not self.can_start_as_components:
            raise ValueError(
                'start: "pca" needs the activation elu or linear, and no layer narrower than the code; '
                'else write start = "auto"'
            )
        return self

    @property
    def can_start_as_components(self) -> bool:
        """Whether such a network can begin as principal components."""
        names = {self.activation} if isinstance(self.activation, str) else set(self.activation)
        return names <= {"elu", "linear"} and min(self.layers) == self.layers[-1]

    @property
    def flags(self) -> tuple[bool, ...]:
        """Which pairs are tied, inner to outer."""
        return (self.tied,) * len(self.layers) if isinstance(self.tied, bool) else self.tied

    def fit_settings(self) -> dict[str, object]:
        """Settings that decide the training's result."""
        return self.model_dump(exclude={"network", "name", "device"})

    def row_settings(self) -> dict[str, object]:
        """Nothing but the network decides a code."""
        return {}

    @property
    def training(self) -> tuple[str, bool, str]:
        """Layers, whether the outer pair is tied, activation."""
        activation = self.activation if isinstance(self.activation, str) else "/".join(self.activation)
        return "/".join(map(str, self.layers)), self.flags[-1], activation

    @property
    def training_epochs(self) -> int:
        """Passes over the vectors, of all phases."""
        return self.epochs + self.pretrain_epochs * (len(self.order) - 1)


def train(settings: SaeSettings, rows: TrainingRows) -> Trained:
    """Train it, or go on; where principal components lose less on held-out rows, they are what is kept."""
    from pipeline.models.course import Course
    from pipeline.models.runtime import pick_device
    from pipeline.models.serialisation import network_to_bytes
    from pipeline.models.stacked_training import component_network, train_stacked_autoencoder, without_optimisers

    wanted = _network_settings(settings)
    trained = train_stacked_autoencoder(
        rows.rows,
        rows.ids,
        settings=wanted,
        seed=settings.seed,
        device=pick_device(settings.device),
        course=Course(over=rows.over, state=rows.state),
    )
    kept = without_optimisers(trained)
    worse = trained.pca_loss is not None and trained.loss > trained.pca_loss
    if worse and settings.fallback == "pca":
        kept = component_network(rows.rows, rows.ids, settings=wanted, seed=settings.seed)
    return Trained(network_to_bytes(kept), trained.history, kept="pca" if len(kept.history) == 1 else "network")


def _network_settings(settings: SaeSettings) -> "StackedSettings":
    from pipeline.models.settings import StackedSettings

    stacked = settings.pretrain_epochs
    return StackedSettings(
        layers=settings.layers,
        activation=(settings.activation,) if isinstance(settings.activation, str) else settings.activation,
        tied=settings.flags,
        order=settings.order,
        epochs=(stacked, stacked, stacked, stacked, settings.epochs),
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        l2=settings.l2,
        min_steps=settings.min_steps,
        patience=settings.patience,
        plateau=settings.plateau,
        start="pca" if settings.start != "random" and settings.can_start_as_components else "random",
    )


def load(settings: CodeNetworkSettings, data: bytes) -> RowEncoder:
    """The network, ready to encode."""
    from pipeline.models.runtime import pick_device
    from pipeline.models.serialisation import build_encoder

    return build_encoder(data, device=pick_device(settings.device))


def width(settings: SaeSettings, _: bytes) -> int:
    """Length of a code."""
    return settings.layers[-1]


NETWORK = Network(SaeSettings, width, load, seconds_per_row=0.0001, train=train, seconds_per_trained_row=0.0001)
