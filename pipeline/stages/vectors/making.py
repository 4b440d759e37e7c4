"""Training networks and making vectors with them: what `embed` and `autoencode` both do.

A training is broken off when its time is up (`run.checkpoint_seconds`), committed, and taken up again: a killed run
loses no more than that, and somebody who watches or wants to stop it need not wait for its end.
"""

import time
from functools import partial

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.index.arrays import open_array, set_attributes
from pipeline.index.rows import write_shard
from pipeline.networks.base import (
    CodeNetworkSettings,
    NetworkSettings,
    PictureNetworkSettings,
    Trained,
    TrainingRows,
    Unfinished,
    train_network,
)
from pipeline.networks.registry import network_of
from pipeline.runtime.keys import pixels_key
from pipeline.runtime.plan import Block, Context, Job, Plan, Worker
from pipeline.stages.files.ledger import picture_ids, read_images
from pipeline.stages.selection import ShardTask, done_rows, image_count, missing_rows, shard_rows, shard_tasks
from pipeline.stages.vectors.picture_vectors import picture_vectors, training_pictures, view_count
from pipeline.stages.vectors.sets import (
    find_vectors,
    fit_key,
    group_of,
    learnt_labels,
    require_vectors,
    row_key,
    source_of,
    stage_of,
    vector_sets,
    wanted_rows,
)
from pipeline.stages.vectors.stored_networks import (
    current_network,
    keep_training,
    read_network,
    read_unfinished,
    unfinished_training,
)

_WHOLE_LABELS = 1 << 16  # parts of a label's path: all
_LOADING_SHARE = 9  # a part of a training takes at least so many times as long as reading its rows


def next_plan(context: Context, settings: NetworkSettings) -> Plan | None:
    """The next step of one network: train it, or make the vectors that are missing; None if there is nothing to do."""
    ready = _ready_rows(context.root, context.recipe, settings)
    if not len(ready):
        return None
    key = row_key(context.root, context.recipe, settings)
    if key is None:
        return _training(context, settings)
    rows = np.intersect1d(missing_rows(context.root, group_of(settings), key), ready)
    return _encoding(context, settings, rows, key) if len(rows) else None


def _ready_rows(root: zarr.Group, recipe: Recipe, settings: NetworkSettings) -> NDArray[np.int64]:
    """Rows whose pictures, or whose vectors, are there to be read, as far as the recipe selects them."""
    if isinstance(settings, PictureNetworkSettings):
        return wanted_rows(root, recipe, settings, done_rows(root, "pixels", pixels_key(recipe)))
    assert isinstance(settings, CodeNetworkSettings), "there are these two kinds"
    source = next((found for found in vector_sets(root, recipe) if found.name == settings.vectors), None)
    return np.empty(0, np.int64) if source is None else source.rows


def training_rows(root: zarr.Group, recipe: Recipe, settings: NetworkSettings) -> NDArray[np.int64]:
    """Rows that a network is trained on: all, or so many of the smallest MD5."""
    rows = _ready_rows(root, recipe, settings)
    if isinstance(settings, PictureNetworkSettings) and settings.learns:
        rows = rows[learnt_labels(root, recipe, settings).at_level(_WHOLE_LABELS, rows)[0]]
    if not isinstance(settings, PictureNetworkSettings) or len(rows) <= settings.training_limit:
        return rows
    digests = read_images(root, "md5")["md5"][rows]
    order = np.lexsort(digests.T[::-1])
    return np.sort(rows[order[: settings.training_limit]])


def _training(context: Context, settings: NetworkSettings) -> Plan:
    root, recipe = context.root, context.recipe
    fit = fit_key(root, recipe, settings)
    assert fit is not None, "there are rows to train on"
    said = unfinished_training(root, settings.name, fit)
    if said:
        context.notes.append(said)
    rows = training_rows(root, recipe, settings)
    source = settings.vectors if isinstance(settings, CodeNetworkSettings) else "pixels"
    return Plan(
        step=f"train {settings.name}",
        tasks=[Block(len(rows), f"training of {said or settings.name}", rows)],
        job=Job(f"train {settings.name} {fit}", partial(_trainer, settings, recipe, fit)),
        merge=partial(keep_training, settings=settings, source=source, fit_key=fit),
        engine="ray",
        seconds_per_item=network_of(settings).seconds_per_trained_row * settings.training_epochs,
        gpus=_gpus(settings),
        settings=settings.model_dump(mode="json"),
    )


def _gpus(settings: NetworkSettings) -> float:
    return 1.0 if settings.device == "cuda" else 0.0


def _trainer(settings: NetworkSettings, recipe: Recipe, fit: int, _: zarr.Group) -> Worker:
    def worker(root: zarr.Group, task: Block) -> Trained | Unfinished:
        began = time.monotonic()
        rows = _read_rows(root, recipe, settings, task.data)
        reading = time.monotonic() - began
        ends = time.monotonic() + max(recipe.run.checkpoint_seconds, _LOADING_SHARE * reading)
        given = TrainingRows(
            rows,
            picture_ids(root, task.data),
            over=lambda: time.monotonic() >= ends,
            labels=_labels(root, recipe, settings, task.data),
            state=read_unfinished(root, settings.name, fit),
        )
        return train_network(network_of(settings), settings, given)

    return worker


def _read_rows(
    root: zarr.Group, recipe: Recipe, settings: NetworkSettings, rows: NDArray[np.int64]
) -> NDArray[np.generic]:
    if isinstance(settings, PictureNetworkSettings):
        return training_pictures(root, rows, settings.training_side)
    assert isinstance(settings, CodeNetworkSettings), "there are these two kinds"
    return find_vectors(root, recipe, settings.vectors).read(root)


def _labels(
    root: zarr.Group, recipe: Recipe, settings: NetworkSettings, rows: NDArray[np.int64]
) -> NDArray[np.str_] | None:
    if not isinstance(settings, PictureNetworkSettings) or not settings.learns:
        return None
    return learnt_labels(root, recipe, settings).at_level(_WHOLE_LABELS, rows)[1]


def _encoding(context: Context, settings: NetworkSettings, rows: NDArray[np.int64], key: int) -> Plan:
    root, recipe, entry, group = context.root, context.recipe, network_of(settings), group_of(settings)
    network = None
    if entry.train is not None:
        fit = fit_key(root, recipe, settings)
        assert fit is not None, "its key is known"
        network = current_network(root, settings.name, fit)
    layout = partial(
        _layout,
        settings=settings,
        network=network,
        group=group,
        rows=image_count(context.root),
        per_shard=shard_rows(context.root),
    )
    recorded = settings.model_dump(mode="json")
    if isinstance(settings, PictureNetworkSettings):
        recorded["weights_identity"] = entry.weights(settings)
    return Plan(
        step=settings.name,
        tasks=shard_tasks(context.root, group, rows),
        job=Job(f"{stage_of(settings)} {settings.name} {key}", partial(_encoder, settings, recipe, network, key)),
        writes=True,
        layout=layout,
        engine="ray",
        seconds_per_item=entry.seconds_per_row,
        gpus=_gpus(settings),
        settings=recorded,
    )


def _layout(
    root: zarr.Group, *, settings: NetworkSettings, network: str | None, group: str, rows: int, per_shard: int
) -> None:
    width = network_of(settings).width(settings, _network_bytes(root, settings, network))
    views = view_count(settings) if isinstance(settings, PictureNetworkSettings) else 1
    require_vectors(root, group, width * views, rows, per_shard)
    if isinstance(settings, PictureNetworkSettings):
        set_attributes(root, group, {"select": settings.select.model_dump(mode="json")})


def _network_bytes(root: zarr.Group, settings: NetworkSettings, network: str | None) -> bytes:
    return b"" if network is None else read_network(root, settings.name, network)


def _encoder(settings: NetworkSettings, recipe: Recipe, network: str | None, key: int, root: zarr.Group) -> Worker:
    encoder = network_of(settings).load(settings, _network_bytes(root, settings, network))
    group = group_of(settings)

    def worker(root: zarr.Group, task: ShardTask) -> None:
        if isinstance(settings, PictureNetworkSettings):
            vectors = picture_vectors(encoder, root, task.rows, settings)
        else:
            assert isinstance(settings, CodeNetworkSettings), "there are these two kinds"
            source = open_array(root, f"{group_of(source_of(recipe, settings))}/vectors", np.float32)
            vectors = encoder.encode(source[task.shard.start : task.shard.stop][task.rows - task.shard.start])
        write_shard(root, group, task.shard, task.rows, {"vectors": vectors}, key)

    return worker
