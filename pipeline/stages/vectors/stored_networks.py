"""Networks in the index: the trained ones, trainings that are not finished, and how they learnt."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import zarr

from pipeline.index.arrays import attributes_of, read_array, texts_by_name, whole_number
from pipeline.index.dimensions import model_dimensions
from pipeline.index.tables import replace_rows, table_length
from pipeline.networks.base import NetworkSettings, Trained, Unfinished
from pipeline.stages.vectors.tables import TRAINING


def current_network(root: zarr.Group, name: str, fit_key: int) -> str | None:
    """Fingerprint of the network trained for ``name`` under ``fit_key``, if there is one."""
    return _fits(root, name).get(str(fit_key))


def _fits(root: zarr.Group, name: str) -> dict[str, str]:
    """The fingerprint of the network by the key of its settings."""
    return texts_by_name(attributes_of(root, f"networks/{name}"), "fits")


def read_network(root: zarr.Group, name: str, fingerprint: str) -> bytes:
    """The stored network, as `pipeline.models.serialisation` wrote it."""
    return _read_bytes(root, f"networks/{name}/{fingerprint}")


@dataclass(frozen=True, slots=True)
class FittedOn:
    """What a network was fitted on: so many rows, when the index had so many images."""

    rows: int
    images: int


def fitted_on(root: zarr.Group, name: str, fingerprint: str) -> FittedOn | None:
    """What a stored network was fitted on; None where that was not kept."""
    found = texts_by_name(attributes_of(root, f"networks/{name}"), "fitted_on").get(fingerprint)
    return None if found is None else FittedOn(*map(int, found.split()))


def store_network(
    root: zarr.Group, name: str, fit_key: int, data: bytes, fingerprint: str, fitted: FittedOn | None = None
) -> None:
    """Keep a trained network beside the older ones and make it the current one of its settings."""
    group = root.require_group(f"networks/{name}")
    if fingerprint not in group:
        _write_bytes(group, fingerprint, data)
    group.attrs["fits"] = {**_fits(root, name), str(fit_key): fingerprint}
    if fitted is not None:
        known = texts_by_name(attributes_of(root, f"networks/{name}"), "fitted_on")
        group.attrs["fitted_on"] = {**known, fingerprint: f"{fitted.rows} {fitted.images}"}


def epochs_done(root: zarr.Group, name: str, fit_key: int) -> int:
    """Epochs, of all phases, of the training of ``name`` that was broken off under ``fit_key``; 0 if there is none."""
    about = attributes_of(root, f"unfinished/{name}")
    return whole_number(about, "epochs", 0) if about.get("fit_key") == str(fit_key) else 0


def read_unfinished(root: zarr.Group, name: str, fit_key: int) -> bytes:
    """The state of a training that was broken off; empty if there is none."""
    return _read_bytes(root, f"unfinished/{name}/state") if epochs_done(root, name, fit_key) else b""


def keep_training(
    root: zarr.Group,
    results: Sequence[Trained | Unfinished],
    *,
    settings: NetworkSettings,
    source: str,
    fit_key: int,
    fitted_on: int,
) -> None:
    """Store the network that a training returned with its loss curve, or where the training was broken off."""
    from pipeline.models.serialisation import fingerprint

    for result in results:
        if "unfinished" in root and settings.name in root.require_group("unfinished"):
            del root[f"unfinished/{settings.name}"]
        if isinstance(result, Unfinished):
            group = root.require_group(f"unfinished/{settings.name}")
            group.attrs.update({"fit_key": str(fit_key), "epochs": len(result.history)})
            _write_bytes(group, "state", result.state)
        else:
            fitted = FittedOn(fitted_on, table_length(root, "images"))
            store_network(root, settings.name, fit_key, result.data, fingerprint(result.data), fitted)
            store_training(root, settings, source, result)


def store_training(root: zarr.Group, settings: NetworkSettings, source: str, result: Trained) -> None:
    """Keep a training's loss curve in the table ``training``, in place of an older one of that name."""
    layers, tied, activation = settings.training
    fixed = {
        "codes": settings.name,
        "vectors": source,
        "layers": layers,
        "tied": tied,
        "activation": activation,
        "kept": result.kept,
    }
    rows = [
        {
            **fixed,
            "phase": entry.phase,
            "epoch": entry.epoch,
            "train_loss": entry.train_loss,
            "test_loss": entry.test_loss,
        }
        for entry in result.history
    ]
    replace_rows(root, TRAINING.place, "codes", [settings.name], TRAINING.typed(rows))


def _read_bytes(root: zarr.Group, path: str) -> bytes:
    return read_array(root, path, np.uint8).tobytes()


def _write_bytes(group: zarr.Group, name: str, data: bytes) -> None:
    values = np.frombuffer(data, np.uint8)
    group.create_array(name, data=values, chunks=(max(1, len(values)),), dimension_names=model_dimensions(name, 1))
