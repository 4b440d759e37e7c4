"""What a network is to a recipe and to the stages: settings, how it is trained, how it is loaded.

A network's file defines a subclass of `PictureNetworkSettings` or `CodeNetworkSettings` and ``NETWORK = Network(...)``;
one line in `registry` makes it known to recipes, the stages, the reports and the documentation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.networks.selection import Selection
from pipeline.settings import Name, Settings

if TYPE_CHECKING:
    from pipeline.models.losses import EpochLoss

Views = Literal["square", "whole", "zoom"]
Transform = Literal["none", "l2", "sqrt_l2"]


class NetworkSettings(Settings):
    """One entry of ``embed`` or ``autoencode``; every network adds its own settings."""

    network: str
    name: Name
    device: Literal["cpu", "cuda"] = Field("cpu", description="cuda asks Ray for one GPU an actor")
    seed: Annotated[int, Field(ge=0)] = 0

    def fit_settings(self) -> dict[str, object]:
        """Settings that decide a training's result, for its key."""
        return self.model_dump(mode="json", exclude={"name", "device", "select"})

    def row_settings(self) -> dict[str, object]:
        """Settings that decide a vector's values beside the network's weights, for its key."""
        return {"network": self.network}

    @property
    def training(self) -> tuple[str, bool, str]:
        """The columns ``layers``, ``tied`` and ``activation`` of its rows in the table ``autoencoders``."""
        return self.network, False, ""

    @property
    def training_epochs(self) -> int:
        """Rough number of passes over the rows that training takes."""
        return 0


class PictureNetworkSettings(NetworkSettings):
    """A network that sees pictures."""

    select: Selection = Field(Selection(), description="which pictures have vectors; without one: all")

    @property
    def seen(self) -> Views:
        """What it sees of a picture."""
        return "square"

    @property
    def applied(self) -> Transform:
        """What is done with its output."""
        return "none"

    def pass_settings(self) -> dict[str, object]:
        """Settings that decide what one pass through the network calculates: entries alike in them share one."""
        return self.model_dump(mode="json", exclude={"name"})

    @property
    def learns(self) -> str:
        """The label set that it is trained on; empty: it needs none."""
        return ""

    @property
    def judged_on(self) -> str:
        """A label set whose pictures are held out of its training; empty: a share of what it learns is."""
        return ""

    @property
    def training_side(self) -> int:
        """Side in pixels of the squares that it is trained on."""
        raise NotImplementedError

    @property
    def training_limit(self) -> int:
        """It is trained on at most so many pictures."""
        raise NotImplementedError


class SquareNetworkSettings(PictureNetworkSettings):
    """A network that is trained on squares of the size that it sees: its settings have these two."""

    if TYPE_CHECKING:  # each network has defaults and words of its own, in an order that keys rest on
        input_size: int
        max_training_images: int

    @property
    def training_side(self) -> int:
        """Side in pixels of the squares that it is trained on."""
        return self.input_size

    @property
    def training_limit(self) -> int:
        """It is trained on at most so many pictures."""
        return self.max_training_images


class CodeNetworkSettings(NetworkSettings):
    """A network that makes shorter codes of vectors."""

    vectors: Name = Field("lite0", description="the embedding that it codes")


class RowEncoder(Protocol):
    """Rows in, vectors out; a row's bits do not depend on the rows beside it."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def encode(self, rows: NDArray[Any], /) -> NDArray[np.float32]:
        """Vectors, float32 [n, dimension], of pictures, uint8 [n, H, W], or of vectors, float32 [n, D]."""


class PictureEncoder(RowEncoder, Protocol):
    """An encoder of pictures."""

    @property
    def image_size(self) -> int:
        """Side in pixels of the pictures it is made for."""


class TogetherEncoder(PictureEncoder, Protocol):
    """An encoder whose vectors are several outputs side by side."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Lengths of the outputs."""


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """What a training is given.

    Attributes
    ----------
    rows : ndarray or StoredPictures
        Pictures, uint8 [n, S, S] with S the settings' ``training_side``, or vectors, float32 [n, D]. Many pictures are
        in a file, and read a batch at a time.
    ids : uint64 [n]
    labels : text [n] or None
        Of a network that learns a label set.
    held_out : bool [n] or None
        Those that it is judged on and does not learn from, where a label set says which.
    groups : int64 [n] or None
        Of a network that learns a label set: rows of one number look alike.
    over : callable
        True breaks the training off after an epoch.
    state : bytes
        Where an earlier part of it was broken off; empty at first.
    """

    rows: Any
    ids: NDArray[np.uint64]
    labels: NDArray[Any] | None = None
    held_out: NDArray[np.bool_] | None = None
    groups: NDArray[np.int64] | None = None
    over: Callable[[], bool] = lambda: False
    state: bytes = b""


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network: its bytes, and its loss by epoch.

    ``kept`` is ``network``, or ``pca`` where principal components were better and were taken.
    """

    data: bytes
    history: "Sequence[EpochLoss]"
    kept: str = "network"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A training that was broken off: where it is, and its loss by epoch so far."""

    state: bytes
    history: "Sequence[EpochLoss]"


def _nothing_to_do(settings: object) -> None:
    """All that it needs is here."""


def _no_weights(settings: object) -> str:
    """There are no weights."""
    return ""


@dataclass(frozen=True, slots=True)
class Network:
    """An entry of the table of networks.

    Attributes
    ----------
    settings : type
        Subclass of `PictureNetworkSettings` or `CodeNetworkSettings`; its field ``network`` has the network's name as
        the only value and default.
    width : callable
        (settings, bytes of the trained network) to the length of the vector of one view.
    load : callable
        (settings, bytes of the trained network) to a `PictureEncoder` or `RowEncoder`; the bytes are empty where
        nothing is trained. It imports its model itself: every command loads the recipe's model, and with it this table.
    seconds_per_row : float
        Rough cost of encoding on one core; decides only whether opening an engine is worth it.
    train : callable, optional
        (settings, `TrainingRows`) to `Trained`; raises `pipeline.models.course.TrainingPausedError` where it is broken
        off. None: it is used as it comes.
    seconds_per_trained_row : float
        Of an epoch.
    load_together : callable, optional
        As ``load``, for several settings alike in their `pass_settings`: to a `TogetherEncoder` of all their outputs.
    weights : callable
        Settings to what identifies weights that it comes with; part of the keys of its vectors.
    check : callable
        Called before a run with the settings: raises what would end it later, such as missing weights.
    fetch : callable
        Called before the first run of an index: fetches what comes over the net.
    """

    settings: type[NetworkSettings]
    width: Callable[[Any, bytes], int]
    load: Callable[[Any, bytes], Any]
    seconds_per_row: float
    train: Callable[[Any, TrainingRows], Trained] | None = None
    seconds_per_trained_row: float = 0.0
    load_together: Callable[[Sequence[Any], bytes], TogetherEncoder] | None = None
    weights: Callable[[Any], str] = _no_weights
    check: Callable[[Any], None] = _nothing_to_do
    fetch: Callable[[Any], None] = _nothing_to_do

    @property
    def name(self) -> str:
        """What recipes call it."""
        return str(self.settings.model_fields["network"].default)


def train_network(entry: Network, settings: NetworkSettings, rows: TrainingRows) -> Trained | Unfinished:
    """Train until it is finished or broken off."""
    from pipeline.models.course import TrainingPausedError

    assert entry.train is not None, "a network that is trained"
    try:
        return entry.train(settings, rows)
    except TrainingPausedError as paused:
        return Unfinished(paused.state, paused.history)
