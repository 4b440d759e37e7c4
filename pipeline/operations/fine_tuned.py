"""How a fine-tuned network of an index judges the pictures that it has not learnt from."""

from typing import TYPE_CHECKING

from pipeline.config import Recipe
from pipeline.errors import UsageError
from pipeline.index.store import Index
from pipeline.stages.vectors.sets import fit_key, trained_name
from pipeline.stages.vectors.stored_networks import current_network, read_network

if TYPE_CHECKING:
    from pipeline.models.fine_tuning import ClassReport


def fine_tuned_report(index: Index, recipe: Recipe, name: str) -> "ClassReport":
    """Per class and confused with which, on held-out pictures.

    Raises
    ------
    UsageError
        The network has not been trained under this recipe.
    """
    from pipeline.models.fine_tuning import read_report

    root = index.read()
    settings = next(found for found in recipe.embed if found.name == name)
    fit = fit_key(root, recipe, settings)
    kept = trained_name(recipe, settings)
    network = None if fit is None else current_network(root, kept, fit)
    if network is None:
        raise UsageError(
            f"{name!r} has not been trained: there are no pictures with labels of {settings.learns!r} and pixels. "
            "`semcorpus run` makes them."
        )
    return read_report(read_network(root, kept, network))
