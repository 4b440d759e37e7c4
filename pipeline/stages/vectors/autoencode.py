"""autoencode: shorter codes of embeddings, by a stacked autoencoder that is trained once and then kept."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from pipeline.config import AutoencodeSettings, Recipe
from pipeline.index.rows import write_shard
from pipeline.index.tables import read_table
from pipeline.reporting.code_quality import CodeQuality, code_quality
from pipeline.runtime.plan import Block, Context, Done, Job, Plan, Stage, Worker
from pipeline.stages.files.ledger import picture_ids
from pipeline.stages.selection import (
    ShardTask,
    count_rows,
    image_count,
    missing_rows,
    once_paired,
    shard_rows,
    shard_tasks,
)
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
from pipeline.stages.vectors.tables import CODES, NETWORKS, TRAINING

if TYPE_CHECKING:
    from pipeline.models.settings import StackedSettings

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
    activation = settings.activation if isinstance(settings.activation, str) else "/".join(settings.activation)
    training = Training(settings.name, settings.vectors, layers, _flags(settings)[-1], activation)
    return Plan(
        step=f"train {settings.name}",
        tasks=[Block(len(source.rows), f"training of {settings.name}")],
        job=Job(f"train {settings.name} {fit_key}", partial(_trainer, settings, context.recipe)),
        merge=partial(keep_network, training=training, fit_key=fit_key),
        engine="ray",
        seconds_per_item=0.0001 * (settings.epochs + settings.pretrain_epochs * (len(settings.order) - 1)),
        gpus=_gpus(settings),
        settings=settings.model_dump(),
    )


def _flags(settings: AutoencodeSettings) -> tuple[bool, ...]:
    """Which pairs are tied, inner to outer."""
    return (settings.tied,) * len(settings.layers) if isinstance(settings.tied, bool) else settings.tied


def _said(root: zarr.Group, codes: str) -> CodeQuality | None:
    """How the codes compare with principal components, from the table of losses."""
    table = read_table(root, "training")
    rows = np.flatnonzero(table["codes"] == codes)
    columns = ("phase", "epoch", "train_loss", "test_loss", "kept")
    return code_quality(codes, *(table[name][rows].tolist() for name in columns)) if len(rows) else None


def _gpus(settings: AutoencodeSettings) -> float:
    return 1.0 if settings.device == "cuda" else 0.0


def _trainer(settings: AutoencodeSettings, recipe: Recipe, root: zarr.Group) -> Worker:
    from pipeline.models.runtime import pick_device
    from pipeline.models.serialisation import fingerprint, network_to_bytes
    from pipeline.models.stacked_training import component_network, train_stacked_autoencoder, without_optimisers

    source = find_vectors(root, recipe, settings.vectors)

    def worker(root: zarr.Group, task: Block) -> Fitted:
        vectors, ids = source.read(root), picture_ids(root, source.rows)
        wanted = _network_settings(settings)
        trained = train_stacked_autoencoder(
            vectors, ids, settings=wanted, seed=settings.seed, device=pick_device(settings.device)
        )
        kept = without_optimisers(trained)
        worse = trained.pca_loss is not None and trained.loss > trained.pca_loss
        if worse and settings.fallback == "pca":
            kept = component_network(vectors, ids, settings=wanted, seed=settings.seed)
        data = network_to_bytes(kept)
        return Fitted(data, fingerprint(data), trained.history, kept="pca" if len(kept.history) == 1 else "network")

    return worker


def _network_settings(settings: AutoencodeSettings) -> "StackedSettings":
    from pipeline.models.settings import StackedSettings

    stacked = settings.pretrain_epochs
    return StackedSettings(
        layers=settings.layers,
        activation=(settings.activation,) if isinstance(settings.activation, str) else settings.activation,
        tied=_flags(settings),
        order=settings.order,
        epochs=(stacked, stacked, stacked, stacked, settings.epochs),
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        l2=settings.l2,
        min_steps=settings.min_steps,
        patience=settings.patience,
        plateau=settings.plateau,
        start="pca" if settings.start != "random" and settings.can_start_as_components else "random",
    )


def _encoding(
    context: Context, settings: AutoencodeSettings, source: VectorSet, rows: Any, key: int, fit_key: int
) -> Plan:
    group = f"codes/{settings.name}"
    network = current_network(context.root, settings.name, fit_key)
    assert network is not None, "code_key() has seen the network"
    if (said := _said(context.root, settings.name)) and said.is_worse:
        context.notes.append(said.statement)
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


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    for settings in recipe.autoencode:
        yield count_rows(root, settings.name, f"codes/{settings.name}", code_key(root, recipe, settings))


STAGE = Stage(NAME, plan, (CODES, NETWORKS, TRAINING), once_paired(_status))
