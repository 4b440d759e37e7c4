"""Training networks and making vectors with them: what `embed` and `autoencode` both do.

A training is broken off when its time is up (`run.checkpoint_seconds`), committed, and taken up again: a killed run
loses no more than that, and somebody who watches or wants to stop it need not wait for its end.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

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
from pipeline.progress import EpochDone, Note
from pipeline.runtime.plan import Block, Context, Job, Plan, Worker
from pipeline.stages.files.ledger import picture_ids
from pipeline.stages.selection import ShardTask, image_count, missing_rows, shard_rows, shard_tasks
from pipeline.stages.vectors.picture_vectors import picture_vectors, training_pictures, view_count
from pipeline.stages.vectors.refits import why_refit
from pipeline.stages.vectors.sets import (
    find_vectors,
    fit_key,
    group_of,
    require_vectors,
    row_key,
    source_of,
    stage_of,
    trained_name,
)
from pipeline.stages.vectors.stored_networks import (
    current_network,
    epochs_done,
    keep_training,
    read_network,
    read_unfinished,
)
from pipeline.stages.vectors.training_rows import labels_of, look_alikes, ready_rows, training_rows

if TYPE_CHECKING:
    from pipeline.models.stored_pictures import StoredPictures

_LOADING_SHARE = 9  # a part of a training takes at least so many times as long as reading its rows


def next_plan(context: Context, settings: NetworkSettings) -> Plan | None:
    """The next step of one network: train it, or make the vectors that are missing; None if there is nothing to do."""
    ready = ready_rows(context.root, context.recipe, settings)
    if not len(ready):
        return None
    key = row_key(context.root, context.recipe, settings)
    if key is None or (context.options.refit and why_refit(context.root, context.recipe, settings)):
        return _training(context, settings)
    rows = np.intersect1d(missing_rows(context.root, group_of(settings), key), ready)
    return _encoding(context, settings, rows, key) if len(rows) else None


def _training(context: Context, settings: NetworkSettings) -> Plan:
    root, recipe = context.root, context.recipe
    fit = fit_key(root, recipe, settings)
    assert fit is not None, "there are rows to train on"
    known = epochs_done(root, settings.name, fit)
    rows = training_rows(root, recipe, settings)
    source = settings.vectors if isinstance(settings, CodeNetworkSettings) else "pixels"
    return Plan(
        step=f"train {settings.name}",
        tasks=[Block(len(rows), f"training of {settings.name} after {known} epochs", rows)],
        job=Job(f"train {settings.name} {fit}", partial(_trainer, settings, recipe, fit)),
        merge=partial(keep_training, settings=settings, source=source, fit_key=fit, fitted_on=len(rows)),
        told=partial(_epochs, settings, known),
        engine="ray",
        seconds_per_item=network_of(settings).seconds_per_trained_row * settings.training_epochs,
        gpus=_gpus(settings),
        settings=settings.model_dump(mode="json"),
    )


def _epochs(settings: NetworkSettings, known: int, result: Trained | Unfinished) -> Iterator[EpochDone]:
    """The epochs of this part of a training, after the ``known`` ones of the parts before it."""
    for loss in result.history[known:]:
        yield EpochDone(
            stage_of(settings), settings.name, loss.phase, loss.epoch, loss.train_loss, test_loss=loss.test_loss
        )


def _gpus(settings: NetworkSettings) -> float:
    return 1.0 if settings.device == "cuda" else 0.0


def _trainer(settings: NetworkSettings, recipe: Recipe, fit: int, _: zarr.Group) -> Worker:
    def worker(root: zarr.Group, task: Block) -> Trained | Unfinished:
        began = time.monotonic()
        rows = _read_rows(root, recipe, settings, task.data)
        reading = time.monotonic() - began
        ends = time.monotonic() + max(recipe.run.checkpoint_seconds, _LOADING_SHARE * reading)
        labels = held_out = groups = None
        if isinstance(settings, PictureNetworkSettings) and settings.learns:
            labels, judging = labels_of(root, recipe, settings, task.data)
            held_out = judging if settings.judged_on else None
            groups = look_alikes(root, recipe, task.data)
        given = TrainingRows(
            rows,
            picture_ids(root, task.data),
            over=lambda: time.monotonic() >= ends,
            labels=labels,
            held_out=held_out,
            groups=groups,
            state=read_unfinished(root, settings.name, fit),
        )
        return train_network(network_of(settings), settings, given)

    return worker


def _read_rows(
    root: zarr.Group, recipe: Recipe, settings: NetworkSettings, rows: NDArray[np.int64]
) -> "NDArray[Any] | StoredPictures":
    if isinstance(settings, PictureNetworkSettings):
        return training_pictures(root, rows, settings.training_side)
    assert isinstance(settings, CodeNetworkSettings), "there are these two kinds"
    return find_vectors(root, recipe, settings.vectors).read(root)


@dataclass(frozen=True, slots=True)
class _Pass:
    """Entries whose vectors come from one pass, the keys of their rows, and their network, if it is trained."""

    entries: tuple[NetworkSettings, ...]
    keys: tuple[int, ...]
    network: tuple[str, str] | None

    def network_bytes(self, root: zarr.Group) -> bytes:
        return b"" if self.network is None else read_network(root, *self.network)


def _encoding(context: Context, settings: NetworkSettings, rows: NDArray[np.int64], key: int) -> Plan:
    root, recipe, entry = context.root, context.recipe, network_of(settings)
    network = None
    if entry.train is not None:
        fit, name = fit_key(root, recipe, settings), trained_name(recipe, settings)
        fingerprint = None if fit is None else current_network(root, name, fit)
        assert fingerprint is not None, "its key is known"
        network = (name, fingerprint)
    alike = _alike(root, recipe, settings, rows)
    made = _Pass((settings, *alike), (key, *alike.values()), network)
    names = ", ".join(one.name for one in made.entries)
    return Plan(
        step=names,
        tasks=shard_tasks(context.root, group_of(settings), rows),
        job=Job(f"{stage_of(settings)} {names} {' '.join(map(str, made.keys))}", partial(_encoder, recipe, made)),
        writes=True,
        told=partial(map, Note),
        layout=partial(_layout, made=made, rows=image_count(context.root), per_shard=shard_rows(context.root)),
        engine="ray",
        seconds_per_item=entry.seconds_per_row,
        gpus=_gpus(settings),
        settings=_recorded(settings) | ({"together": [_recorded(one) for one in alike]} if alike else {}),
    )


def _alike(
    root: zarr.Group, recipe: Recipe, settings: NetworkSettings, rows: NDArray[np.int64]
) -> dict[NetworkSettings, int]:
    """Other entries that one pass serves as well, as far as they have no vectors of these rows; with their keys."""
    if not isinstance(settings, PictureNetworkSettings) or network_of(settings).load_together is None:
        return {}
    wanted, found = settings.pass_settings(), dict[NetworkSettings, int]()
    for other in recipe.embed:
        if other.name != settings.name and type(other) is type(settings) and other.pass_settings() == wanted:
            key = row_key(root, recipe, other)
            if key is not None and len(np.intersect1d(missing_rows(root, group_of(other), key), rows)) == len(rows):
                found[other] = key
    return found


def _recorded(settings: NetworkSettings) -> dict[str, object]:
    recorded = settings.model_dump(mode="json")
    if isinstance(settings, PictureNetworkSettings):
        recorded["weights_identity"] = network_of(settings).weights(settings)
    return recorded


def _layout(root: zarr.Group, *, made: _Pass, rows: int, per_shard: int) -> None:
    for settings in made.entries:
        width = network_of(settings).width(settings, made.network_bytes(root))
        views = view_count(settings) if isinstance(settings, PictureNetworkSettings) else 1
        require_vectors(root, group_of(settings), width * views, rows, per_shard)
        if isinstance(settings, PictureNetworkSettings):
            set_attributes(root, group_of(settings), {"select": settings.select.model_dump(mode="json")})


def _encoder(recipe: Recipe, made: _Pass, root: zarr.Group) -> Worker:
    first, data = made.entries[0], made.network_bytes(root)
    entry = network_of(first)
    load = entry.load_together
    encoder = entry.load(first, data) if load is None or len(made.entries) == 1 else load(made.entries, data)

    def worker(root: zarr.Group, task: ShardTask) -> tuple[str, ...]:
        batch = getattr(encoder, "batch_size", 0)
        if isinstance(first, PictureNetworkSettings):
            pictures = tuple(one for one in made.entries if isinstance(one, PictureNetworkSettings))
            found = picture_vectors(encoder, root, task.rows, pictures)
        else:
            assert isinstance(first, CodeNetworkSettings), "there are these two kinds"
            source = open_array(root, f"{group_of(source_of(recipe, first))}/vectors", np.float32)
            found = [encoder.encode(source[task.shard.start : task.shard.stop][task.rows - task.shard.start])]
        for settings, key, vectors in zip(made.entries, made.keys, found, strict=True):
            write_shard(root, group_of(settings), task.shard, task.rows, {"vectors": vectors}, key)
        return _halved(first, batch, getattr(encoder, "batch_size", 0))

    return worker


def _halved(settings: NetworkSettings, before: int, after: int) -> tuple[str, ...]:
    """What people are told where a batch did not fit into the device's memory."""
    if after == before:
        return ()
    return (
        f"{settings.name}: batches of {before} pictures did not fit into the device's memory; {after} at once did.",
    )
