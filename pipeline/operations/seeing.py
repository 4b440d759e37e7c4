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
from pipeline.stages.vectors.sets import VectorSet, fit_key, trained_name, vector_sets
from pipeline.stages.vectors.stored_networks import current_network, read_network

if TYPE_CHECKING:
    from pipeline.models.backbones import BackboneEncoder

_MOST_ROWS = 4096  # vectors that the components are taken of


@dataclass(frozen=True, slots=True)
class _Seen:
    """A network of timm with its vectors, and a picture as it sees it."""

    settings: BackboneSettings
    vectors: VectorSet
    data: bytes
    picture: NDArray[np.uint8]


def component_picture(index: Index, image: str, *, vectors: str = "", component: int = 1) -> bytes:
    """Where the features answer that make a principal component of a set of vectors, drawn over an image as PNG.

    The last convolution's activations are summed with the absolute weights of the component.

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
    from pipeline.models.last_maps import last_maps

    seen = _look(root, recipe, row, vectors)
    maps = last_maps(_encoder(seen, "features"), seen.picture)
    found = seen.vectors
    some = np.unique(np.linspace(0, len(found.rows) - 1, min(len(found.rows), _MOST_ROWS)).round().astype(np.int64))
    rows = found.read_some(root, some)
    if rows.shape[1] % len(maps) or seen.settings.output == "logits":
        raise UsageError(
            f"The vectors {found.name!r} are {rows.shape[1]} values and no features of the {len(maps)} maps that the "
            'network ends in; take an embedding with output = "features" or "mean_maps".'
        )
    if not 1 <= component <= min(rows.shape):
        raise UsageError(f"There are {min(rows.shape)} components of {found.name!r}; there is no number {component}.")
    loadings = fit_pca(rows[:, : len(maps)], component).components[component - 1]
    return heat_picture(seen.picture, as_shares(loading_map(maps, loadings)))


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
    from pipeline.models.last_maps import class_gradients

    seen = _look(index.read(), stored_recipe(index), image_row(index, image), vectors)
    maps, gradients = class_gradients(_encoder(seen, "logits"), seen.picture, _score(seen, label))
    return heat_picture(seen.picture, as_shares(gradient_map(maps, gradients)))


def _look(root: zarr.Group, recipe: Recipe, row: int, name: str) -> _Seen:
    sets = {found.name: found for found in vector_sets(root, recipe)}
    entries = [one for one in recipe.embed if isinstance(one, BackboneSettings) and one.name in sets]
    settings = next((one for one in entries if name in ("", one.name)), None)
    if settings is None:
        raise UsageError(
            f"The index has no embedding {name or 'by a network of timm'}; it has "
            f"{', '.join(one.name for one in entries) or 'none'} by such networks."
        )
    picture = int(read_images(root, "picture")["picture"][row])
    if picture not in sets[settings.name].rows:
        raise UsageError(f"The image has no vector in {settings.name!r}: it is gone, damaged or not selected.")
    data = b""
    if network_of(settings).train is not None:
        kept, fit = trained_name(recipe, settings), fit_key(root, recipe, settings)
        network = None if fit is None else current_network(root, kept, fit)
        assert network is not None, "it has made vectors"
        data = read_network(root, kept, network)
    [square] = read_rows(stored_squares(root), np.array([picture]))
    aspect = width_over_height(root)[[picture]]
    side = network_of(settings).load(settings.model_copy(update={"runtime": "torch"}), data).image_size
    _, _, [seen] = next(views_by_shape(square[None], aspect, side=side, views=settings.seen))
    return _Seen(settings, sets[settings.name], data, seen)


def _encoder(seen: _Seen, output: str) -> "BackboneEncoder":
    from pipeline.models.backbones import BackboneEncoder

    settings = seen.settings.model_copy(update={"runtime": "torch", "output": output})
    encoder = network_of(settings).load(settings, seen.data)
    assert isinstance(encoder, BackboneEncoder), "a network of timm"
    return encoder


def _score(seen: _Seen, label: str) -> int:
    from pipeline.models.fine_tuning import read_report

    classes = read_report(seen.data).classes if isinstance(seen.settings, FinetunedSettings) else ()
    if label in classes:
        return classes.index(label)
    if label.isdecimal():
        return int(label)
    known = ", ".join(classes[:10]) or "scores by number only"
    raise UsageError(f"The network {seen.settings.name!r} has no class {label!r}; it has {known}.")
