"""autoencode: shorter codes of embeddings, by a stacked autoencoder that is trained once and then kept."""

from functools import partial
from typing import Any

import numpy as np
import zarr

from pipeline.config import AutoencodeSettings, Recipe
from pipeline.index.rows import write_shard
from pipeline.runtime.plan import Block, Context, Job, Plan, Stage, Worker
from pipeline.stages.files.ledger import picture_ids
from pipeline.stages.selection import ShardTask, image_count, missing_rows, shard_rows, shard_tasks
from pipeline.stages.vectors.sets import (
    Fitted,
    Training,
    VectorSet,
    code_fit_key,
    code_key,
    current_network,
    find_vectors,
    keep_network,
    read_network,
    require_vectors,
    vector_sets,
)

NAME = "autoencode"


def plan(context: Context) -> Plan | None:
    """Train the networks that are not there, then encode the rows that have no code of these settings."""
    sources = {found.name: found for found in vector_sets(context.root, context.recipe)}
    for settings in context.recipe.autoencode:
        source = sources.get(settings.vectors)
        fit_key = code_fit_key(context.root, context.recipe, settings)
        if source is None or fit_key is None:
            continue
        key = code_key(context.root, context.recipe, settings)
        if key is None:
            return _training(context, settings, source, fit_key)
        rows = np.intersect1d(missing_rows(context.root, f"codes/{settings.name}", key), source.rows)
        if len(rows):
            return _encoding(context, settings, source, rows, key, fit_key)
    return None


def _training(context: Context, settings: AutoencodeSettings, source: VectorSet, fit_key: int) -> Plan:
    layers = "/".join(map(str, settings.layers))
    training = Training(settings.name, settings.vectors, layers, settings.tied, settings.activation)
    return Plan(
        step=f"train {settings.name}",
        tasks=[Block(len(source.rows), f"training of {settings.name}")],
        job=Job(f"train {settings.name} {fit_key}", partial(_trainer, settings, context.recipe)),
        merge=partial(keep_network, training=training, fit_key=fit_key),
        engine="ray",
        seconds_per_item=0.0001 * (settings.epochs + settings.pretrain_epochs * len(settings.layers)),
        gpus=_gpus(settings),
        settings=settings.model_dump(),
    )


def _gpus(settings: AutoencodeSettings) -> float:
    return 1.0 if settings.device == "cuda" else 0.0


def _trainer(settings: AutoencodeSettings, recipe: Recipe, root: zarr.Group) -> Worker:
    from pipeline.models.runtime import pick_device
    from pipeline.models.serialisation import fingerprint, network_to_bytes
    from pipeline.models.settings import StackedSettings
    from pipeline.models.stacked import train_stacked_autoencoder

    source = find_vectors(root, recipe, settings.vectors)

    def worker(root: zarr.Group, task: Block) -> Fitted:
        trained = train_stacked_autoencoder(
            source.read(root),
            picture_ids(root, source.rows),
            settings=StackedSettings(
                layers=settings.layers,
                activation=settings.activation,
                tied=settings.tied,
                pretrain_epochs=settings.pretrain_epochs,
                finetune_epochs=settings.epochs,
                batch_size=settings.batch_size,
                learning_rate=settings.learning_rate,
            ),
            seed=settings.seed,
            device=pick_device(settings.device),
        )
        data = network_to_bytes(trained)
        return Fitted(data, fingerprint(data), trained.history)

    return worker


def _encoding(
    context: Context, settings: AutoencodeSettings, source: VectorSet, rows: Any, key: int, fit_key: int
) -> Plan:
    group = f"codes/{settings.name}"
    network = current_network(context.root, settings.name, fit_key)
    assert network is not None, "code_key() has seen the network"
    return Plan(
        step=settings.name,
        tasks=shard_tasks(context.root, group, rows),
        job=Job(
            f"autoencode {settings.name} {key}",
            partial(_encoder, settings, network, source.group, key),
        ),
        writes=True,
        layout=partial(
            require_vectors,
            group=group,
            dimension=settings.layers[-1],
            rows=image_count(context.root),
            per_shard=shard_rows(context.root),
        ),
        engine="ray",
        seconds_per_item=0.0001,
        gpus=_gpus(settings),
        settings=settings.model_dump(),
    )


def _encoder(settings: AutoencodeSettings, network: str, source: str, key: int, root: zarr.Group) -> Worker:
    from pipeline.models.runtime import pick_device
    from pipeline.models.serialisation import build_encoder

    group = f"codes/{settings.name}"
    encoder = build_encoder(read_network(root, settings.name, network), device=pick_device(settings.device))

    def worker(root: zarr.Group, task: ShardTask) -> None:
        vectors: Any = root[f"{source}/vectors"]
        block = vectors[task.shard.start : task.shard.stop]
        codes = encoder.encode(block[task.rows - task.shard.start])
        write_shard(root, group, task.shard, task.rows, {"vectors": codes}, key)

    return worker


STAGE = Stage(NAME, plan)
