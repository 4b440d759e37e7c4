"""Where in a picture a network of an index answers: along a principal component, or for a class."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.errors import UsageError
from pipeline.imaging.views import views_by_shape
from pipeline.index.rows import read_rows
from pipeline.index.store import Index
from pipeline.kernels.activation_maps import as_shares, gradient_map, loading_map
from pipeline.kernels.dimension.principal_components import fit_pca
from pipeline.networks.finetuned import FinetunedSettings
from pipeline.networks.registry import network_of
from pipeline.networks.timm_backbone import BackboneSettings
from pipeline.operations.lookup import image_row
from pipeline.operations.remembered import stored_recipe
from pipeline.reporting.heat import heat_picture
from pipeline.stages.files.ledger import read_images
from pipeline.stages.pictures.squares import stored_squares, width_over_height
from pipeline.stages.vectors.picture_vectors import view_count
from pipeline.stages.vectors.sets import VectorSet, fit_key, trained_name, vector_sets
from pipeline.stages.vectors.stored_networks import current_network, read_network

if TYPE_CHECKING:
    from pipeline.models.backbones import BackboneEncoder

_MOST_ROWS = 4096  # vectors that the components are taken of


@dataclass(frozen=True, slots=True)
class _Network:
    """A network of timm with its vectors; its bytes, if it is trained."""

    settings: BackboneSettings
    vectors: VectorSet
    data: bytes


def component_picture(index: Index, image: str, *, vectors: str = "", component: int = 1) -> bytes:
    """Where the features answer that make a principal component of a set of vectors, drawn over an image as PNG.

    The last convolution's activations are summed with the absolute weights of the component; where its maps are too
    small to tell a place, earlier ones with the gradient of that sum.

    Parameters
    ----------
    index : Index
    image : str
        As for `image_facts`.
    vectors : str
        Name of an embedding by a convolutional network of timm; empty: the first such.
    component : int
        From 1, the largest variance.

    Raises
    ------
    UsageError
        There is no such image, embedding or component.
    """
    return component_of_row(index.read(), stored_recipe(index), image_row(index, image), vectors, component)


def component_of_row(root: zarr.Group, recipe: Recipe, row: int, vectors: str, component: int) -> bytes:
    """The same for an image row, under a recipe."""
    return heat_picture(*Sight(root, recipe, vectors, component=component)(row))


def class_picture(index: Index, image: str, label: str, *, vectors: str = "") -> bytes:
    """Where a network sees a class (Grad-CAM), drawn over an image as PNG.

    Parameters
    ----------
    index, image, vectors
        As for `component_picture`.
    label : str
        A class that a fine-tuned network has learnt, or the number of one of the network's scores, from 0.

    Raises
    ------
    UsageError
        There is no such image, embedding or class.
    """
    sight = Sight(index.read(), stored_recipe(index), vectors, label=label)
    return heat_picture(*sight(image_row(index, image)))


class Sight:
    """What a network of an index sees of pictures, and where it answers; the network is loaded once.

    Parameters
    ----------
    root : zarr.Group
    recipe : Recipe
    vectors : str
        Name of an embedding by a convolutional network of timm; empty: the first such.
    component : int
        From 1; see `component_picture`.
    label : str, optional
        A class in its place; see `class_picture`.

    Raises
    ------
    UsageError
        There is no such embedding, component or class.
    """

    def __init__(
        self, root: zarr.Group, recipe: Recipe, vectors: str, *, component: int = 1, label: str | None = None
    ) -> None:
        self._root = root
        self._network = _find_network(root, recipe, vectors)
        self._encoder = _encoder(self._network, "features" if label is None else "logits")
        self._score = None if label is None else _score(self._network, label)
        self._loadings = _loadings(root, self._network, component) if label is None else np.empty(0)

    def __call__(self, row: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """A picture as the network gets it, uint8 [H, W], and where it answers, float64 [h, w] from 0 to 1.

        Raises
        ------
        UsageError
            The image has no vector, or the network no such maps.
        """
        picture = self.picture(row)
        return picture, as_shares(self.answers(picture))

    def picture(self, row: int) -> NDArray[np.uint8]:
        """A picture as the network gets it, uint8 [H, W]."""
        return _picture(self._root, self._network, row, self._encoder.image_size)

    @property
    def encoder(self) -> "BackboneEncoder":
        """The network: of features for a component, of scores for a class."""
        return self._encoder

    @property
    def classes(self) -> tuple[str, ...]:
        """What a fine-tuned network has learnt, in the order of its scores."""
        return _classes(self._network)

    def answers(self, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Where it answers to a picture, float64 [h, w]: in the deepest maps of at least `FEWEST_CELLS`."""
        from pipeline.models.last_maps import FEWEST_CELLS, class_gradients, feature_gradients, last_maps

        if self._score is not None:
            return gradient_map(*class_gradients(self._encoder, picture, self._score))
        maps = last_maps(self._encoder, picture)
        if len(self._loadings) % len(maps):
            raise UsageError(
                f"The vectors {self._network.vectors.name!r} are {len(self._loadings)} values and no features of the "
                f'{len(maps)} maps that the network ends in; take an embedding with output = "features" or "mean_maps".'
            )
        loadings = self._loadings[: len(maps)]
        if min(maps.shape[1:]) < FEWEST_CELLS:
            return gradient_map(*feature_gradients(self._encoder, picture, np.abs(loadings)))
        return loading_map(maps, loadings)


def _find_network(root: zarr.Group, recipe: Recipe, name: str) -> _Network:
    sets = {found.name: found for found in vector_sets(root, recipe)}
    entries = [one for one in recipe.embed if isinstance(one, BackboneSettings) and one.name in sets]
    settings = next((one for one in entries if name in ("", one.name)), None)
    if settings is None:
        raise UsageError(
            f"The index has no embedding {name or 'by a network of timm'}; it has "
            f"{', '.join(one.name for one in entries) or 'none'} by such networks."
        )
    data = b""
    if network_of(settings).train is not None:
        kept, fit = trained_name(recipe, settings), fit_key(root, recipe, settings)
        network = None if fit is None else current_network(root, kept, fit)
        assert network is not None, "it has made vectors"
        data = read_network(root, kept, network)
    return _Network(settings, sets[settings.name], data)


def _loadings(root: zarr.Group, network: _Network, component: int) -> NDArray[np.float64]:
    """A principal component of the vectors of one view."""
    found = network.vectors
    if network.settings.output == "logits":
        raise UsageError(
            f"The vectors {found.name!r} are scores and no features of the maps that the network ends in; take an "
            'embedding with output = "features" or "mean_maps".'
        )
    some = np.unique(np.linspace(0, len(found.rows) - 1, min(len(found.rows), _MOST_ROWS)).round().astype(np.int64))
    rows = found.read_some(root, some)
    if not 1 <= component <= min(rows.shape):
        raise UsageError(f"There are {min(rows.shape)} components of {found.name!r}; there is no number {component}.")
    width = rows.shape[1] // view_count(network.settings)
    return np.asarray(fit_pca(rows[:, :width], component).components[component - 1], np.float64)


def _picture(root: zarr.Group, network: _Network, row: int, side: int) -> NDArray[np.uint8]:
    picture = int(read_images(root).picture[row])
    if picture not in network.vectors.rows:
        raise UsageError(f"The image has no vector in {network.vectors.name!r}: it is gone, damaged or not selected.")
    [square] = read_rows(stored_squares(root), np.array([picture]))
    aspect = width_over_height(root)[[picture]]
    _, _, [seen] = next(views_by_shape(square[None], aspect, side=side, views=network.settings.seen))
    return np.asarray(seen, np.uint8)


def _encoder(network: _Network, output: str) -> "BackboneEncoder":
    from pipeline.models.backbones import BackboneEncoder

    settings = network.settings.model_copy(update={"runtime": "torch", "output": output})
    encoder = network_of(settings).load(settings, network.data)
    assert isinstance(encoder, BackboneEncoder), "a network of timm"
    return encoder


def _classes(network: _Network) -> tuple[str, ...]:
    from pipeline.models.fine_tuning import read_report

    return read_report(network.data).classes if isinstance(network.settings, FinetunedSettings) else ()


def _score(network: _Network, label: str) -> int:
    classes = _classes(network)
    if label in classes:
        return classes.index(label)
    if label.isdecimal():
        return int(label)
    known = ", ".join(classes[:10]) or "scores by number only"
    raise UsageError(f"The network {network.settings.name!r} has no class {label!r}; it has {known}.")
