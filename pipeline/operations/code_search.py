"""Searching the grid of stacked autoencoders of one set of vectors, and keeping the best of them."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe, load_recipe, recipe_to_toml
from pipeline.errors import UsageError
from pipeline.index.tables import text_array, write_table
from pipeline.kernels.mapping import MapTasks
from pipeline.networks.base import Trained, TrainingRows, Unfinished, train_network
from pipeline.networks.registry import network_of
from pipeline.networks.sae import SaeSettings
from pipeline.runtime.execute import Runner
from pipeline.runtime.keys import content_key
from pipeline.runtime.plan import Block, Context, Job, Plan, Stage, Worker
from pipeline.stages.files.ledger import picture_ids
from pipeline.stages.vectors.sets import find_vectors, fit_key
from pipeline.stages.vectors.stored_networks import keep_training
from pipeline.stages.vectors.tables import TRIALS
from pipeline.stages.vectors.training_rows import training_rows

if TYPE_CHECKING:
    from pipeline.engine.ray_search import Point

Data = tuple[NDArray[np.float32], NDArray[np.uint64]]


@dataclass(frozen=True, slots=True)
class Grid:
    """What is tried, each with each.

    Attributes
    ----------
    first, second, code : tuple of int
        Widths of the layers.
    tied : tuple of bool
        Whether the outer pair is tied.
    """

    first: tuple[int, ...] = (200, 400, 500, 600)
    second: tuple[int, ...] = (50, 100, 150, 200)
    code: tuple[int, ...] = (10, 13, 18)
    tied: tuple[bool, ...] = (False, True)

    def points(self, batch_size: int) -> "list[Point]":
        """Settings that differ, a dict a trial."""
        return [
            {"layers": [first, second, code], "tied": [False, False, tied], "batch_size": batch_size}
            for first, second, code, tied in itertools.product(self.first, self.second, self.code, self.tied)
        ]


def train_point(
    base: SaeSettings, point: "Point", data: Data, over: Callable[[], bool], state: bytes
) -> Trained | Unfinished:
    """One trial: as the stage `autoencode` would train it, to the bit."""
    settings = settings_of(base, point)
    rows, ids = data
    return train_network(network_of(settings), settings, TrainingRows(rows, ids, over=over, state=state))


def settings_of(base: SaeSettings, point: "Point") -> SaeSettings:
    """The settings with a point's in place."""
    return SaeSettings(**{**base.model_dump(), **point})


def search_codes(
    runner: Runner, name: str, grid: Grid, *, folder: Path, batch_size: int, grace: int, factor: int
) -> Recipe:
    """Try the grid on one set of vectors, keep the table of trials and the best network.

    Parameters
    ----------
    runner : Runner
    name : str
        Of the codes in the recipe; all settings but those of the grid are theirs.
    grid : Grid
    folder : Path
        Where trials are kept while the search is not finished; the next search of the same goes on there.
    batch_size, grace, factor
        As `pipeline.engine.ray_search.search`.

    Returns
    -------
    Recipe
        With the best settings in place. Under it `autoencode` takes the network that was kept, and only encodes.

    Raises
    ------
    UsageError
        The recipe has no such stacked autoencoder, or the index no such vectors, or engines are local.
    EngineError
        Trials failed, or the search was interrupted.
    """
    base = next((one for one in runner.recipe.autoencode if one.name == name), None)
    if not isinstance(base, SaeSettings):
        known = ", ".join(one.name for one in runner.recipe.autoencode if isinstance(one, SaeSettings))
        raise UsageError(f"The recipe has no stacked autoencoder {name!r} (it has {known or 'none'}).")
    if fit_key(runner.index.read(), runner.recipe, base) is None:
        raise UsageError(f"The index has no vectors {base.vectors!r} yet; `semcorpus embed` makes them.")
    points = grid.points(batch_size)
    plan = partial(_plan, base=base, points=points, folder=folder, grace=grace, factor=factor)
    runner.run(Stage("autoencode", plan))
    best = str(runner.index.read()[TRIALS.place].attrs["best"])
    return _with(runner.recipe, next(settings_of(base, one) for one in points if _layers(one) == best))


def _plan(
    context: Context, *, base: SaeSettings, points: "Sequence[Point]", folder: Path, grace: int, factor: int
) -> Plan | None:
    source = find_vectors(context.root, context.recipe, base.vectors)
    key = content_key(
        text_array([base.model_dump_json(exclude=_VARIED), repr(points), str(source.content), f"{grace} {factor}"])
    )
    if TRIALS.place in context.root and context.root[TRIALS.place].attrs.get("key") == key:
        return None

    def drive(root: zarr.Group, send: MapTasks) -> object:
        from pipeline.engine.ray_search import search

        data = (source.read(root), picture_ids(root, source.rows))
        train = partial(train_point, base)
        place = folder / f"{key:016x}"
        return search(points, train, data, folder=place, epochs=base.epochs, grace=grace, factor=factor)

    return Plan(
        step=f"search {base.name}",
        tasks=[Block(len(points), "trials")],
        job=Job("search", _nothing),
        drive=drive,
        merge=partial(_merge, recipe=context.recipe, base=base, key=key),
        engine="ray",
        seconds_per_item=_SECONDS_PER_TRIAL,
        settings=base.model_dump(mode="json"),
    )


_SECONDS_PER_TRIAL = 600.0
_VARIED = {"layers", "tied", "batch_size"}  # by the grid: the best ones take their place in the recipe


def _nothing(root: zarr.Group) -> Worker:
    raise AssertionError("Ray Tune does this")


def _merge(root: zarr.Group, results: Sequence[Any], *, recipe: Recipe, base: SaeSettings, key: int) -> None:
    [trials] = results
    best = min((trial for trial in trials if trial.finished), key=lambda trial: trial.loss)
    rows = [
        {
            "codes": base.name,
            "vectors": base.vectors,
            "layers": "/".join(map(str, trial.point["layers"])),
            "tied": trial.point["tied"][-1],
            "loss": trial.loss,
            "epochs": trial.epochs,
            "finished": trial.finished,
            "best": trial is best,
        }
        for trial in trials
    ]
    write_table(root, TRIALS.place, TRIALS.typed(rows), attributes={"key": key, "best": _layers(best.point)})
    settings = settings_of(base, best.point)
    fit = fit_key(root, recipe, settings)
    assert fit is not None, "there are vectors"
    known = len(training_rows(root, recipe, settings))
    keep_training(root, [_trained(best.data)], settings=settings, source=base.vectors, fit_key=fit, fitted_on=known)


def _trained(data: bytes) -> Trained:
    """A network as its training returned it; components, where they were kept, have no other epochs."""
    from pipeline.models.serialisation import network_from_bytes

    history = network_from_bytes(data).history
    return Trained(data, history, kept="pca" if len(history) == 1 else "network")


def _layers(point: "Point") -> str:
    return f"{point['layers']} {point['tied']}"


def _with(recipe: Recipe, best: SaeSettings) -> Recipe:
    codes = tuple(best if one.name == best.name else one for one in recipe.autoencode)
    text = recipe_to_toml(recipe.model_copy(update={"autoencode": codes}))
    return load_recipe("stored", builtin={"stored": text}, assignments=())
