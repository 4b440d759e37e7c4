"""embed: a vector for every picture, by a pretrained backbone or by an autoencoder trained on the corpus itself."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import EmbedSettings, Recipe
from pipeline.index.rows import write_shard
from pipeline.runtime.keys import pixels_key
from pipeline.runtime.plan import Block, Context, Done, Job, Plan, Stage, Worker
from pipeline.stages.files.ledger import picture_ids, read_images
from pipeline.stages.selection import (
    ShardTask,
    count_rows,
    done_rows,
    image_count,
    missing_rows,
    once_paired,
    shard_rows,
    shard_tasks,
)
from pipeline.stages.vectors.picture_vectors import backbone_vectors, training_pictures, vector_width
from pipeline.stages.vectors.sets import (
    AUTOENCODER,
    Fitted,
    Training,
    current_network,
    embedding_fit_key,
    embedding_key,
    keep_network,
    read_network,
    require_vectors,
    weights_identity,
)
from pipeline.stages.vectors.tables import EMBEDDINGS

if TYPE_CHECKING:
    from pipeline.models.backbones import BackboneEncoder, Runtime

VectorsOf = Callable[[zarr.Group, NDArray[np.int64]], NDArray[np.float32]]

NAME = "embed"

_SECONDS_PER_TRAINED_PICTURE = 0.002  # one epoch, one core
_SECONDS_PER_PICTURE = {AUTOENCODER: 0.005}
_SECONDS_PER_BACKBONE_PICTURE = 0.15


def plan(context: Context) -> Plan | None:
    """Train what has to be trained, then embed the pictures that have no vector of these settings."""
    ready = done_rows(context.root, "pixels", pixels_key(context.recipe))
    if not len(ready):
        return None
    for settings in context.recipe.embed:
        key = embedding_key(context.root, context.recipe, settings)
        if key is None:
            return _training(context, settings)
        group = f"embeddings/{settings.name}"
        rows = np.intersect1d(missing_rows(context.root, group, key), ready)
        if len(rows):
            return _embedding(context, settings, rows, key)
    return None


def _training(context: Context, settings: EmbedSettings) -> Plan:
    rows = training_rows(context.root, context.recipe, settings.max_training_images)
    fit_key = embedding_fit_key(context.recipe, settings)
    return Plan(
        step=f"train {settings.name}",
        tasks=[Block(len(rows), f"training of {settings.name}", rows)],
        job=Job(f"train {settings.name} {fit_key}", partial(_trainer, settings)),
        merge=partial(
            keep_network, training=Training(settings.name, "pixels", AUTOENCODER, False, "relu"), fit_key=fit_key
        ),
        engine="ray",
        seconds_per_item=_SECONDS_PER_TRAINED_PICTURE * settings.epochs,
        gpus=_gpus(settings),
        settings=settings.model_dump(),
    )


def training_rows(root: zarr.Group, recipe: Recipe, most: int) -> Any:
    """Rows that a network is trained on: all, or so many of the smallest MD5."""
    rows = done_rows(root, "pixels", pixels_key(recipe))
    if len(rows) <= most:
        return rows
    digests = read_images(root, "md5")["md5"][rows]
    order = np.lexsort(digests.T[::-1])
    return np.sort(rows[order[:most]])


def _gpus(settings: EmbedSettings) -> float:
    return 1.0 if settings.device == "cuda" else 0.0


def _trainer(settings: EmbedSettings, _: zarr.Group) -> Worker:
    from pipeline.models.convolutional import train_convolutional_autoencoder
    from pipeline.models.runtime import pick_device
    from pipeline.models.serialisation import fingerprint, network_to_bytes
    from pipeline.models.settings import ConvolutionalSettings

    def worker(root: zarr.Group, task: Block) -> Fitted:
        rows = task.data
        trained = train_convolutional_autoencoder(
            training_pictures(root, rows, settings.input_size),
            picture_ids(root, rows),
            settings=ConvolutionalSettings(
                code_size=settings.code_size,
                input_size=settings.input_size,
                epochs=settings.epochs,
                batch_size=settings.batch_size,
            ),
            seed=settings.seed,
            device=pick_device(settings.device),
        )
        data = network_to_bytes(trained)
        return Fitted(data, fingerprint(data), trained.history)

    return worker


def _embedding(context: Context, settings: EmbedSettings, rows: Any, key: int) -> Plan:
    group = f"embeddings/{settings.name}"
    network = None
    if settings.model == AUTOENCODER:
        network = current_network(context.root, settings.name, embedding_fit_key(context.recipe, settings))
    layout = partial(
        _layout,
        group=group,
        settings=settings,
        network=network,
        rows=image_count(context.root),
        per_shard=shard_rows(context.root),
    )
    return Plan(
        step=settings.name,
        tasks=shard_tasks(context.root, group, rows),
        job=Job(f"embed {settings.name} {key}", partial(_embedder, settings, network, group, key)),
        writes=True,
        layout=layout,
        engine="ray",
        seconds_per_item=_SECONDS_PER_PICTURE.get(settings.model, _SECONDS_PER_BACKBONE_PICTURE),
        gpus=_gpus(settings),
        settings={**settings.model_dump(), "weights_identity": weights_identity(settings)},
    )


def _layout(
    root: zarr.Group, *, group: str, settings: EmbedSettings, network: str | None, rows: int, per_shard: int
) -> None:
    if network is None:
        dimension = vector_width(_backbone(settings, device="cpu", runtime="torch"), settings)
    else:
        dimension = settings.code_size
    require_vectors(root, group, dimension, rows, per_shard)


def _backbone(settings: EmbedSettings, *, device: str, runtime: "Runtime") -> "BackboneEncoder":
    from pipeline.models.backbones import load_backbone

    return load_backbone(
        settings.model,
        weights=settings.weights_from,
        seed=settings.seed,
        device=device,
        batch_size=settings.batch_size,
        runtime=runtime,
        output=settings.output,
    )


def _embedder(settings: EmbedSettings, network: str | None, group: str, key: int, root: zarr.Group) -> Worker:
    from pipeline.models.runtime import pick_device

    device = pick_device(settings.device)
    vectors_of = (
        _backbone_vectors(settings, device) if network is None else _own_vectors(root, settings, network, device)
    )

    def worker(root: zarr.Group, task: ShardTask) -> None:
        write_shard(root, group, task.shard, task.rows, {"vectors": vectors_of(root, task.rows)}, key)

    return worker


def _backbone_vectors(settings: EmbedSettings, device: str) -> VectorsOf:
    encoder = _backbone(settings, device=device, runtime=settings.runtime)
    return lambda root, rows: backbone_vectors(encoder, root, rows, settings)


def _own_vectors(root: zarr.Group, settings: EmbedSettings, network: str, device: str) -> VectorsOf:
    from pipeline.models.convolutional import ConvolutionalEncoder
    from pipeline.models.serialisation import network_from_bytes

    stored = network_from_bytes(read_network(root, settings.name, network))
    encoder = ConvolutionalEncoder(stored, device=device)
    return lambda root, rows: encoder.encode(training_pictures(root, rows, settings.input_size))


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    for settings in recipe.embed:
        yield count_rows(root, settings.name, f"embeddings/{settings.name}", embedding_key(root, recipe, settings))


STAGE = Stage(NAME, plan, (EMBEDDINGS,), once_paired(_status))
