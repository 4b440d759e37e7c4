"""Planning row stages: which representatives lack a value under the expected key, shard by shard."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.index.arrays import whole_number
from pipeline.index.rows import Shard, read_keys, shards_of
from pipeline.index.tables import table_length
from pipeline.runtime.plan import Done, Status
from pipeline.stages.files.ledger import Source, read_images, representatives, sources_of


@dataclass(frozen=True, slots=True)
class ShardTask:
    """Rows of one shard of a row group that are to be made."""

    group: str
    shard: Shard
    rows: NDArray[np.int64]
    sources: tuple[Source, ...] = ()

    @property
    def items(self) -> int:
        """Rows to make."""
        return len(self.rows)

    @property
    def label(self) -> str:
        """Name of the shard."""
        return f"shard {self.shard.number} of {self.group} (rows {self.shard.start} to {self.shard.stop - 1})"


def shard_rows(root: zarr.Group) -> int:
    """Rows a shard of this index, fixed when the first pictures were stored."""
    return whole_number(dict(root.attrs), "shard_rows")


def image_count(root: zarr.Group) -> int:
    """Rows of ``images``, gone ones included."""
    return table_length(root, "images")


def done_rows(root: zarr.Group, group: str, key: int) -> NDArray[np.int64]:
    """Representatives that have a value under ``key``, ascending."""
    rows = representatives(root)
    chosen: NDArray[np.int64] = rows[read_keys(root, group, image_count(root))[rows] == np.uint64(key)]
    return chosen


def missing_rows(root: zarr.Group, group: str, key: int) -> NDArray[np.int64]:
    """Representatives that have no value under ``key``, ascending."""
    rows = representatives(root)
    chosen: NDArray[np.int64] = rows[read_keys(root, group, image_count(root))[rows] != np.uint64(key)]
    return chosen


def shard_tasks(
    root: zarr.Group, group: str, rows: NDArray[np.int64], *, with_sources: bool = False
) -> Sequence[ShardTask]:
    """One task a shard that holds any of ``rows``; ``with_sources`` adds where their files are."""
    sources = {source.image: source for source in sources_of(root, rows.tolist())} if with_sources else {}
    return [
        ShardTask(group, shard, chosen, tuple(sources[row] for row in chosen.tolist() if row in sources))
        for shard, chosen in shards_of(rows, shard_rows(root), image_count(root))
    ]


def count_rows(root: zarr.Group, what: str, group: str, key: int | None, *, outdated: int = 0) -> Done:
    """The status of a stage with a row a picture; ``outdated`` rows count as missing, all where there is no key."""
    pictures = len(representatives(root))
    done = 0 if key is None else len(done_rows(root, group, key)) - outdated
    return Done(what, done, pictures - done)


def unpaired_images(root: zarr.Group) -> int:
    """Present images that no run has paired yet."""
    images = read_images(root)
    return int(np.sum(images.present & (images.picture < 0)))


def once_paired(status: Status) -> Status:
    """The status of a stage on pictures: nothing while images are unpaired, since pictures are not known yet."""

    def checked(root: zarr.Group, recipe: Recipe) -> Iterable[Done]:
        return () if unpaired_images(root) else status(root, recipe)

    return checked
