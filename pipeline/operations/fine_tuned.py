"""The fine-tuned networks of an index, and how they judge the pictures that they have not learnt from."""

from typing import TYPE_CHECKING

import zarr

from pipeline.config import Recipe
from pipeline.errors import UsageError
from pipeline.index.store import Index
from pipeline.networks.finetuned import FinetunedSettings
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

    return read_report(fine_tuned_network(index.read(), recipe, name)[2])


def fine_tuned_network(root: zarr.Group, recipe: Recipe, name: str) -> tuple[FinetunedSettings, str, bytes]:
    """Settings, fingerprint and bytes of a fine-tuned network.

    Raises
    ------
    UsageError
        The recipe has none of that name, or it has not been trained under this recipe.
    """
    tuned = [one for one in recipe.embed if isinstance(one, FinetunedSettings)]
    settings = next((one for one in tuned if one.name == name), None)
    if settings is None:
        raise UsageError(
            f"The index has no fine-tuned network {name!r} (it has {', '.join(one.name for one in tuned) or 'none'}). "
            "`semcorpus finetune` trains one."
        )
    fit, kept = fit_key(root, recipe, settings), trained_name(recipe, settings)
    network = None if fit is None else current_network(root, kept, fit)
    if network is None:
        raise UsageError(
            f"{name!r} has not been trained: there are no pictures with labels of {settings.learns!r} and pixels. "
            "`semcorpus run` makes them."
        )
    return settings, network, read_network(root, kept, network)
