"""When a network that was fitted on the corpus is to be fitted anew: it has grown much, or what has come since differs.

Until then it is kept, so that a night's new pictures change no vector of the older ones.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.networks.base import NetworkSettings
from pipeline.runtime.plan import Done
from pipeline.stages.files.ledger import representatives
from pipeline.stages.selection import done_rows
from pipeline.stages.vectors.sets import (
    VectorSet,
    fit_key,
    group_of,
    row_key,
    trained_name,
    vector_sets,
    wanted_rows,
)
from pipeline.stages.vectors.stored_networks import FittedOn, current_network, fitted_on
from pipeline.stages.vectors.training_rows import training_rows

GROWTH = 2.0
"""A network is fitted anew once there are so many times the rows that it was fitted on."""

DRIFT = 0.25
"""Or once the mean vector of what has come since lies so far off: squared, as a share of the older ones' variance."""

_FEWEST = 32  # rows that have come since; of fewer the mean says little
_BLOCKS, _BLOCK_ROWS = 8, 128  # that are read on either side


def why_refit(root: zarr.Group, recipe: Recipe, settings: NetworkSettings) -> str:
    """Why a network should be fitted anew, in words; empty where it need not, or where it is not known what it saw."""
    fitted = _fitted(root, recipe, settings)
    if fitted is None:
        return ""
    rows = len(training_rows(root, recipe, settings))
    if rows >= GROWTH * fitted.rows:
        return f"{settings.name} was fitted on {fitted.rows:,} rows, and there are {rows:,} now"
    made = next((one for one in vector_sets(root, recipe) if one.name == settings.name), None)
    moved = 0.0 if made is None else drift(root, made, fitted)
    if moved >= DRIFT:
        return (
            f"the mean vector of what has come since {settings.name} was fitted is {moved:.2f} of the older ones' "
            "variance away"
        )
    return ""


def rows_made(root: zarr.Group, recipe: Recipe, networks: Iterable[NetworkSettings]) -> Iterator[Done]:
    """What each network has made of the rows that it is to have vectors of, and whether it should be fitted anew."""
    for settings in networks:
        made = row_key(root, recipe, settings)
        wanted = wanted_rows(root, recipe, settings, representatives(root))
        done = 0 if made is None else len(np.intersect1d(done_rows(root, group_of(settings), made), wanted))
        why = why_refit(root, recipe, settings)
        advice = f"`semcorpus run --refit` fits it anew: {why}." if why else ""
        yield Done(settings.name, done, len(wanted) - done, advice=advice)


def _fitted(root: zarr.Group, recipe: Recipe, settings: NetworkSettings) -> FittedOn | None:
    name, fit = trained_name(recipe, settings), fit_key(root, recipe, settings)
    network = None if fit is None else current_network(root, name, fit)
    return None if network is None else fitted_on(root, name, network)


def drift(root: zarr.Group, made: VectorSet, fitted: FittedOn) -> float:
    """Squared distance of the mean vectors of what has come since and of what was there, by the latter's variance."""
    since = made.rows >= fitted.images
    if np.sum(since) < _FEWEST or since.all():
        return 0.0
    older, newer = (_some(root, made, np.flatnonzero(chosen)) for chosen in (~since, since))
    spread = float(older.var(axis=0).sum())
    return float(np.square(newer.mean(axis=0) - older.mean(axis=0)).sum()) / spread if spread > 0 else 0.0


def _some(root: zarr.Group, made: VectorSet, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Vectors at these positions; of many, those of a few evenly spaced blocks."""
    if len(positions) > _BLOCKS * _BLOCK_ROWS:
        starts = np.linspace(0, len(positions) - _BLOCK_ROWS, _BLOCKS).astype(np.int64)
        positions = positions[np.unique((starts[:, None] + np.arange(_BLOCK_ROWS)).ravel())]
    return made.read_some(root, positions).astype(np.float64)
