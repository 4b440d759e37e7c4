"""Sets of vectors (embeddings and codes): where they are, which rows are done, and their keys."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.errors import StageError, UsageError
from pipeline.index.arrays import StoredArray, open_array
from pipeline.index.rows import read_rows, require_rows
from pipeline.networks.base import CodeNetworkSettings, NetworkSettings, PictureNetworkSettings
from pipeline.networks.registry import network_of
from pipeline.runtime.keys import content_key, pixels_key, stage_key
from pipeline.stages.files.ledger import read_images
from pipeline.stages.labels.sets import LabelSet, label_sets
from pipeline.stages.selection import done_rows
from pipeline.stages.vectors.selected import selected
from pipeline.stages.vectors.stored_networks import current_network
from pipeline.stages.vectors.tables import EMBEDDINGS


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

    def _array(self, root: zarr.Group) -> StoredArray[np.float32]:
        return open_array(root, f"{self.group}/vectors", np.float32)


@dataclass(frozen=True, slots=True)
class GivenVectors:
    """Vectors that no network makes: the corpus holds them, and `arrays` stores them."""

    name: str

    @property
    def key(self) -> int:
        """Key of a row; its content stands in the MD5 of the row."""
        return stage_key("arrays", {"vectors": self.name})


def vector_sets(root: zarr.Group, recipe: Recipe) -> list[VectorSet]:
    """The recipe's sets of vectors that have any rows done: given ones, embeddings, codes."""
    found = []
    for given in map(GivenVectors, recipe.arrays.vectors):
        rows = done_rows(root, group_of(given), given.key)
        if len(rows):
            content = content_key(read_images(root).md5[rows], np.array([given.key]))
            found.append(VectorSet(given.name, group_of(given), given.key, rows, content))
    for settings in recipe.networks:
        group, key = group_of(settings), row_key(root, recipe, settings)
        rows = wanted_rows(root, recipe, settings, done_rows(root, group, key)) if key is not None else _NO_ROWS
        if key is not None and len(rows):
            content = content_key(read_images(root).md5[rows], np.array([key]))
            found.append(VectorSet(settings.name, group, key, rows, content))
    return found


_NO_ROWS = np.empty(0, np.int64)


def find_vectors(root: zarr.Group, recipe: Recipe, name: str) -> VectorSet:
    """The set of vectors of that name.

    Raises
    ------
    StageError
        The index has none that are up to date.
    """
    return named(vector_sets(root, recipe), name)


def named(sets: Sequence[VectorSet], name: str) -> VectorSet:
    """The set of that name.

    Raises
    ------
    StageError
        There is none: it was never made, or is one of other settings or of an older version.
    """
    for found in sets:
        if found.name == name:
            return found
    raise StageError(
        f"The index has no vectors {name!r} that are up to date. `semcorpus run CORPUS INDEX` makes them; `semcorpus "
        "status INDEX` says what is missing."
    )


def group_of(settings: NetworkSettings | GivenVectors) -> str:
    """The group of the vectors that a network makes, or that are given."""
    return f"{'codes' if isinstance(settings, CodeNetworkSettings) else 'embeddings'}/{settings.name}"


def stage_of(settings: NetworkSettings) -> str:
    """The stage that a network belongs to."""
    return "embed" if isinstance(settings, PictureNetworkSettings) else "autoencode"


def source_of(recipe: Recipe, settings: CodeNetworkSettings) -> PictureNetworkSettings | GivenVectors:
    """The embedding, or the given vectors, that a network codes."""
    if settings.vectors in recipe.arrays.vectors:
        return GivenVectors(settings.vectors)
    return next(embed for embed in recipe.embed if embed.name == settings.vectors)


def wanted_rows(
    root: zarr.Group, recipe: Recipe, settings: NetworkSettings, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Those of some rows that a network is to have vectors of; a code, of what its embedding is to have."""
    found = source_of(recipe, settings) if isinstance(settings, CodeNetworkSettings) else settings
    if not isinstance(found, PictureNetworkSettings) or found.select.is_all:
        return rows
    return rows[selected(root, found.select, rows, label_sets(root, recipe))]


def row_key(root: zarr.Group, recipe: Recipe, settings: NetworkSettings) -> int | None:
    """Key of the rows that a network makes; None while it has still to be trained."""
    entry, upstream = network_of(settings), _upstream(settings, recipe)
    if entry.train is None:
        return stage_key(stage_of(settings), settings.row_settings(), *upstream, entry.weights(settings))
    fit = fit_key(root, recipe, settings)
    network = None if fit is None else current_network(root, trained_name(recipe, settings), fit)
    return None if network is None else stage_key(stage_of(settings), settings.row_settings(), *upstream, network)


def trained_name(recipe: Recipe, settings: NetworkSettings) -> str:
    """The name under which its training is kept: that of the first entry that asks for the same training."""
    wanted = _training_of(settings)
    return next((one.name for one in recipe.networks if _training_of(one) == wanted), settings.name)


def _training_of(settings: NetworkSettings) -> tuple[object, ...]:
    selection = settings.select if isinstance(settings, PictureNetworkSettings) else None
    return type(settings), settings.fit_settings(), selection


def _upstream(settings: NetworkSettings, recipe: Recipe) -> tuple[int, ...]:
    """A trained code's network has the key of its vectors in its own."""
    return (pixels_key(recipe),) if isinstance(settings, PictureNetworkSettings) else ()


def learnt_labels(root: zarr.Group, recipe: Recipe, settings: PictureNetworkSettings) -> tuple[LabelSet, ...]:
    """The label set that a network learns, and the one that it is judged on, if that is another.

    Raises
    ------
    UsageError
        The index has none of that name.
    """
    found = {one.name: one for one in label_sets(root, recipe)}
    names = [name for name in (settings.learns, settings.judged_on) if name]
    missing = next((name for name in names if name not in found), None)
    if missing is not None:
        raise UsageError(
            f"The network {settings.name!r} learns or is judged on the label set {missing!r}, which the index does not "
            f"have (it has {', '.join(found) or 'none'}). Give it with --labels {missing}=PATH to `semcorpus run`, or "
            "name another."
        )
    return tuple(found[name] for name in names)


def fit_key(root: zarr.Group, recipe: Recipe, settings: NetworkSettings) -> int | None:
    """Key of a training: settings, not the rows that happen to be there; None while what it reads has no key."""
    if isinstance(settings, PictureNetworkSettings):
        chosen: tuple[int | str, ...] = () if settings.select.is_all else (settings.select.model_dump_json(),)
        if settings.learns:
            chosen = (*chosen, *(labels.key for labels in learnt_labels(root, recipe, settings)))
        return stage_key("embed", settings.fit_settings(), pixels_key(recipe), *chosen)
    assert isinstance(settings, CodeNetworkSettings), "there are these two kinds"
    source = source_of(recipe, settings)
    if isinstance(source, GivenVectors):
        return stage_key("autoencode", settings.fit_settings(), source.key)
    upstream = row_key(root, recipe, source)
    selection = () if source.select.is_all else (source.select.model_dump_json(),)
    return None if upstream is None else stage_key("autoencode", settings.fit_settings(), upstream, *selection)


def require_vectors(root: zarr.Group, group: str, dimension: int, rows: int, per_shard: int) -> None:
    """Create or grow ``GROUP/vectors``."""
    require_rows(root, group, EMBEDDINGS.row_arrays(vectors=(dimension,)), rows, per_shard)
