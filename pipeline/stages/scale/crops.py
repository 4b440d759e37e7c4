"""The readings of distinct text crops, kept in the index: a crop of an earlier run or shard costs no recogniser.

A reading is a function of the crop's pixels and of the reader, so keeping it never changes a result. The reader's
version is part of the table's key: a better reader reads all crops again.
"""

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import zarr

from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.recognition.memory import reading_from_text, reading_to_text
from pipeline.index.arrays import attributes_of
from pipeline.index.tables import read_table, write_table
from pipeline.stages.files.ledger import text_array
from pipeline.stages.scale.tables import LABEL_CROPS

CROPS = LABEL_CROPS.place


def read_crops(root: zarr.Group, key: int) -> dict[str, LabelReading]:
    """The readings by the digest of their crop, made by the reader of ``key``; some 300 bytes each."""
    return {digest: reading_from_text(text) for digest, text in _stored(root, key).items()}


def add_crops(root: zarr.Group, key: int, found: Iterable[Mapping[str, LabelReading]]) -> None:
    """Put new readings into the table, in the order of their digests; those of another reader go."""
    texts = _stored(root, key)
    before = len(texts)
    for readings in found:
        texts |= {digest: reading_to_text(reading) for digest, reading in readings.items() if digest not in texts}
    if len(texts) > before:
        _write(root, key, texts)


def drop_crops(root: zarr.Group, key: int, digests: Collection[str]) -> None:
    """Forget the readings of these crops."""
    texts = _stored(root, key)
    kept = {digest: text for digest, text in texts.items() if digest not in digests}
    if len(kept) < len(texts):
        _write(root, key, kept)


def _write(root: zarr.Group, key: int, texts: Mapping[str, str]) -> None:
    names = sorted(texts)
    crops = np.frombuffer(bytes.fromhex("".join(names)), np.uint8).reshape(len(names), 16)
    columns = {"crop": crops, "reading": text_array([texts[name] for name in names])}
    write_table(root, CROPS, columns, attributes={"key": key})


def _stored(root: zarr.Group, key: int) -> dict[str, str]:
    if attributes_of(root, CROPS).get("key") != key:
        return {}
    table = read_table(root, CROPS)
    return dict(zip((row.tobytes().hex() for row in table["crop"]), table["reading"].tolist(), strict=True))
