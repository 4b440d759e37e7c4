"""Sets of vectors (embeddings and codes): where they are, which rows are done, and the networks that made them."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import AutoencodeSettings, EmbedSettings, Recipe
from pipeline.config.packaged_weights import PACKAGED_WEIGHTS
from pipeline.errors import WeightsError
from pipeline.index.rows import RowArray, read_rows, require_rows
from pipeline.index.tables import replace_rows
from pipeline.runtime.keys import content_key, pixels_key, stage_key
from pipeline.stages.files.ledger import read_images, text_array
from pipeline.stages.selection import done_rows

AUTOENCODER = "autoencoder"


@dataclass(frozen=True, slots=True)
class VectorSet:
    """Vectors of one name under one recipe, as far as they are done.

    Attributes
    ----------
    name, group : str
        E.g. ``lite0`` and ``embeddings/lite0``.
    key : int
        Key of a row.
    rows : ndarray of int64, [n]
        Image rows that have a vector.
    content : int
        Changes with the rows' contents and with what made the vectors.
    """

    name: str
    group: str
    key: int
    rows: NDArray[np.int64]
    content: int

    def read(self, root: zarr.Group) -> NDArray[np.float32]:
        """The vectors, float32 [n, D]."""
        return read_rows(self._array(root), self.rows)

    def read_some(self, root: zarr.Group, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors at some ascending positions among the n, float32 [len(positions), D]."""
        return read_rows(self._array(root), self.rows[positions])

    def width(self, root: zarr.Group) -> int:
        """Length of a vector, D."""
        return int(self._array(root).shape[1])

    def _array(self, root: zarr.Group) -> zarr.Array[Any]:
        array: Any = root[f"{self.group}/vectors"]
        return cast(zarr.Array[Any], array)


def vector_sets(root: zarr.Group, recipe: Recipe) -> list[VectorSet]:
    """The recipe's sets of vectors that have any rows done."""
    found = []
    both: tuple[EmbedSettings | AutoencodeSettings, ...] = (*recipe.embed, *recipe.autoencode)
    for settings in both:
        group, key = _group_and_key(root, recipe, settings)
        rows = done_rows(root, group, key) if key is not None else np.empty(0, np.int64)
        if key is not None and len(rows):
            content = content_key(read_images(root, "md5")["md5"][rows], np.array([key]))
            found.append(VectorSet(settings.name, group, key, rows, content))
    return found


def find_vectors(root: zarr.Group, recipe: Recipe, name: str) -> VectorSet:
    """The set of vectors of that name, which a plan has seen."""
    return next(found for found in vector_sets(root, recipe) if found.name == name)


def _group_and_key(
    root: zarr.Group, recipe: Recipe, settings: EmbedSettings | AutoencodeSettings
) -> tuple[str, int | None]:
    if isinstance(settings, EmbedSettings):
        return f"embeddings/{settings.name}", embedding_key(root, recipe, settings)
    return f"codes/{settings.name}", code_key(root, recipe, settings)


def embedding_key(root: zarr.Group, recipe: Recipe, settings: EmbedSettings) -> int | None:
    """Key of an embedding's rows; None while its network has still to be trained."""
    if settings.model == AUTOENCODER:
        network = current_network(root, settings.name, embedding_fit_key(recipe, settings))
        if network is None:
            return None
        return stage_key("embed", {"model": AUTOENCODER}, pixels_key(recipe), network)
    chosen = settings.model_dump(include={"model", "seed", "views", "transform", "output"})
    return stage_key("embed", chosen | {"path": settings.path}, pixels_key(recipe), weights_identity(settings))


def embedding_fit_key(recipe: Recipe, settings: EmbedSettings) -> int:
    """Key of the training of an embedding's autoencoder: settings, not the images that happen to be there."""
    chosen = settings.model_dump(
        include={"code_size", "input_size", "epochs", "batch_size", "max_training_images", "seed"}
    )
    return stage_key("embed", chosen, pixels_key(recipe))


def code_key(root: zarr.Group, recipe: Recipe, settings: AutoencodeSettings) -> int | None:
    """Key of a code's rows; None while its network has still to be trained."""
    fit_key = code_fit_key(root, recipe, settings)
    network = None if fit_key is None else current_network(root, settings.name, fit_key)
    return None if network is None else stage_key("autoencode", {}, network)


def code_fit_key(root: zarr.Group, recipe: Recipe, settings: AutoencodeSettings) -> int | None:
    """Key of the training of a stacked autoencoder; None while its input has no key."""
    source = next(embed for embed in recipe.embed if embed.name == settings.vectors)
    upstream = embedding_key(root, recipe, source)
    if upstream is None:
        return None
    return stage_key("autoencode", settings.model_dump(exclude={"name", "device"}), upstream)


def weights_identity(settings: EmbedSettings) -> str:
    """What a set's weights are: a file, or that of a package, by its MD5; the others by their name."""
    source = settings.weights_from
    if source == "package":
        return PACKAGED_WEIGHTS[settings.model].md5  # the file is held against it when it is loaded
    if source in ("", "hub", "random"):
        return source
    try:
        with open(os.path.expanduser(source), "rb") as handle:
            return hashlib.file_digest(handle, "md5").hexdigest()
    except OSError as error:
        raise WeightsError(f"The weights {source} cannot be read: {error.strerror}.") from error


def require_vectors(root: zarr.Group, group: str, dimension: int, rows: int, per_shard: int) -> None:
    """Create or grow ``GROUP/vectors``."""
    spec = RowArray("vectors", "float32", (dimension,), fill_value=float("nan"))
    require_rows(root, group, (spec,), rows, per_shard)


def current_network(root: zarr.Group, name: str, fit_key: int) -> str | None:
    """Fingerprint of the network trained for ``name`` under ``fit_key``, if there is one."""
    group = root.get(f"networks/{name}")
    if not isinstance(group, zarr.Group):
        return None
    fits: Any = group.attrs.get("fits", {})
    found = fits.get(str(fit_key))
    return None if found is None else str(found)


def read_network(root: zarr.Group, name: str, fingerprint: str) -> bytes:
    """The stored network, as `pipeline.models.serialisation` wrote it."""
    array: Any = root[f"networks/{name}/{fingerprint}"]
    return bytes(np.asarray(array[:]).tobytes())


def store_network(root: zarr.Group, name: str, fit_key: int, data: bytes, fingerprint: str) -> None:
    """Keep a trained network beside the older ones and make it the current one of its settings."""
    group = root.require_group(f"networks/{name}")
    values = np.frombuffer(data, np.uint8)
    if fingerprint not in group:
        group.create_array(fingerprint, data=values, chunks=(max(1, len(values)),))
    fits: Any = group.attrs.get("fits", {})
    group.attrs["fits"] = {**fits, str(fit_key): fingerprint}


class Loss(Protocol):
    """One epoch of a training."""

    @property
    def phase(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def train_loss(self) -> float: ...
    @property
    def test_loss(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Training:
    """What was trained on what: the fixed columns of a training's rows in the table ``training``."""

    codes: str
    vectors: str
    layers: str
    tied: bool
    activation: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network as a worker returns it: its bytes, their fingerprint, and its loss by epoch.

    ``kept`` is ``network``, or ``pca`` where principal components were better and were taken.
    """

    data: bytes
    fingerprint: str
    history: Sequence[Loss]
    kept: str = "network"


def keep_network(root: zarr.Group, results: Sequence[Fitted], *, training: Training, fit_key: int) -> None:
    """Store the networks that a training step returned, and their loss curves."""
    for fitted in results:
        store_network(root, training.codes, fit_key, fitted.data, fitted.fingerprint)
        store_training(root, training, fitted.history, fitted.kept)


def store_training(root: zarr.Group, training: Training, history: Sequence[Loss], kept: str) -> None:
    """Keep a training's loss curve in the table ``training``, in place of an older one of that name."""
    n = len(history)
    columns: dict[str, NDArray[Any]] = {
        "codes": text_array([training.codes] * n),
        "vectors": text_array([training.vectors] * n),
        "layers": text_array([training.layers] * n),
        "tied": np.full(n, training.tied),
        "activation": text_array([training.activation] * n),
        "phase": text_array([entry.phase for entry in history]),
        "epoch": np.array([entry.epoch for entry in history], np.int64),
        "train_loss": np.array([entry.train_loss for entry in history], np.float64),
        "test_loss": np.array([entry.test_loss for entry in history], np.float64),
        "kept": text_array([kept] * n),
    }
    replace_rows(root, "training", "codes", [training.codes], columns)
