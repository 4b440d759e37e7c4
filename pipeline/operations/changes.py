"""What became different in an index between two commits: what the summary of a night is made of."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.errors import UsageError
from pipeline.imaging.quality import SUSPECT_SHARE
from pipeline.index.arrays import find_array, read_strings
from pipeline.index.history import Commit
from pipeline.index.store import Index, open_index
from pipeline.index.tables import Columns, column_of, read_table
from pipeline.operations.expiring import parse_age
from pipeline.operations.last_summary import last_summary
from pipeline.operations.remembered import stored_recipe
from pipeline.records import FIRST_PATHS, is_side_file
from pipeline.stages.clustering.stored import group_of, stored_clusterings
from pipeline.stages.files.ledger import LedgerRows, hex_md5, read_files, read_images
from pipeline.stages.neighbours.tables import neighbours_group
from pipeline.stages.vectors.sets import vector_sets

_FAILED = frozenset({"corrupt", "unsupported", "unreadable", "too_large", "not_judged"})
_NO_FILES = frozenset({"gone", "left_out"})
_WORST_FROM = 0.95  # the quantile of the older pictures' measures beyond which a new picture counts as bad
_UNUSUAL = 0.99  # the quantile of the older pictures' nearest distances beyond which a new picture is unlike any


@dataclass(frozen=True, slots=True)
class Growth:
    """A cluster that has more pictures than the old one which it shares most pictures with."""

    clustering: str
    cluster: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Drift:
    """How new pictures lie among the older ones.

    Attributes
    ----------
    vectors : str
    new : int
        New pictures.
    distance_ratio : float
        Median distance to the nearest neighbour, of the new pictures over the older ones; near 1 where the new ones
        are like the old.
    unlike : int
        New pictures that are farther from everything than 99% of the older ones are.
    """

    vectors: str
    new: int
    distance_ratio: float
    unlike: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different; paths are relative to the corpus.

    Attributes
    ----------
    since, until : str
        Commits.
    new, changed, gone : tuple of str
        Paths of files.
    failed : tuple of (str, str)
        Path and reason of those that became failures; new ones are in ``new`` as well.
    side : tuple of str
        Paths of new files that are no pictures by intention; these are neither in ``new`` nor in ``failed``.
    moved : tuple of (str, str)
        Old and new path of files with the same bytes.
    new_images : int
        Contents that were never seen before.
    new_pictures : int
        Those of them that stand for a picture of their own.
    new_duplicates : mapping of str to int
        Images that joined a group of one picture, by relation; ``same_bytes`` counts files.
    scales : mapping of str to int
        New pictures by the status of their scale.
    rescaled : tuple of (str, str)
        Older pictures whose scale is another now: path, and what it was and is, in words.
    quality : mapping of str to int
        New pictures by what is bad in them: the measures (`pipeline.imaging.quality`) in which they are worse than 95%
        of the older pictures.
    grown : tuple of Growth
        By growth, the largest first.
    drift : tuple of Drift
        A row a set of vectors.
    """

    since: str
    until: str
    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    side: tuple[str, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    new_images: int = 0
    new_pictures: int = 0
    new_duplicates: Mapping[str, int] = field(default_factory=dict)
    scales: Mapping[str, int] = field(default_factory=dict)
    rescaled: tuple[tuple[str, str], ...] = ()
    quality: Mapping[str, int] = field(default_factory=dict)
    grown: tuple[Growth, ...] = ()
    drift: tuple[Drift, ...] = ()

    @property
    def subject(self) -> str:
        """One line, for a mail."""
        parts = [
            f"{len(found):,} {word}"
            for word, found in (
                ("new", self.new),
                ("changed", self.changed),
                ("moved", self.moved),
                ("gone", self.gone),
                ("failed", self.failed),
                ("side file" if len(self.side) == 1 else "side files", self.side),
                ("scale changed" if len(self.rescaled) == 1 else "scales changed", self.rescaled),
            )
            if found
        ]
        return ", ".join(parts) or "nothing changed"


def find_base(index: Index, since: str | None, *, now: datetime | None = None) -> str:
    """The commit to compare with.

    Parameters
    ----------
    index : Index
    since : str, optional
        The beginning of a commit's id, or an age such as ``24h``: the newest commit that is at least so old. By
        default what the last summary was since, or where work was done after it, what it was until: an interrupted run
        leaves none, and the next one tells of both.

    Raises
    ------
    UsageError
        There is no such commit.
    """
    history = index.history()
    if since is None:
        return _since_last_summary(index, history)
    try:
        cutoff = (now or datetime.now(UTC)) - parse_age(since)
    except UsageError:
        found = [commit.id for commit in history if commit.id.startswith(since.upper())]
        if len(found) != 1:
            raise UsageError(
                f"{since!r} is neither one commit of {index.url} nor an age such as 24h; `semcorpus history "
                f"{index.url}` lists the commits."
            ) from None
        return found[0]
    return next((commit.id for commit in history if commit.written <= cutoff), history[-1].id)


def _since_last_summary(index: Index, history: Sequence[Commit]) -> str:
    told = last_summary(index.location)
    known = {commit.id for commit in history}
    if told is None or told.until not in known:
        return _before_newest_run(history)
    if told.until != index.work_commit:
        return told.until
    return told.since if told.since in known else history[-1].id


def _before_newest_run(history: Sequence[Commit]) -> str:
    """The newest commit that is not of the newest run."""
    run = next((commit.metadata["run"] for commit in history if commit.metadata.get("run")), None)
    if run is None:
        return history[-1].id
    of_run = [position for position, commit in enumerate(history) if commit.metadata.get("run") == run]
    return history[min(of_run[-1] + 1, len(history) - 1)].id


def changes_between(index: Index, since: str) -> Changes:
    """Compare the index as it is with what it was at commit ``since`` (full id)."""
    recipe = stored_recipe(index)
    before, after = _root_at(index, since), index.read()
    old, new = read_files(before), read_files(after)
    first_new = len(read_images(before).present)
    images = read_images(after)
    rows = np.arange(len(images.present))
    fresh = (rows >= first_new) & images.present
    pictures = np.flatnonzero(fresh & (images.picture == rows))
    unpaired = np.any(images.present & (images.picture < 0))  # a run ended between walk and pair
    return Changes(
        since=since,
        until=index.commit,
        **_files(old, new),
        new_images=int(np.sum(fresh)),
        new_pictures=len(pictures),
        new_duplicates=_duplicates(before, after, old, new),
        scales=_scales(after, pictures),
        rescaled=_rescaled(before, after, first_new, new),
        quality=_quality(after, pictures, np.flatnonzero((rows < first_new) & (images.picture == rows))),
        grown=_growth(before, after, recipe),
        drift=() if unpaired else tuple(_drift(after, recipe, pictures)),
    )


def _root_at(index: Index, commit: str) -> zarr.Group:
    """The root group at a commit, which may be the empty one that every history begins with."""
    if commit == index.history()[-1].id:
        return zarr.open_group(zarr.storage.MemoryStore(), mode="w")
    return open_index(index.url, commit=commit).read()


def _files(old: LedgerRows, new: LedgerRows) -> dict[str, Any]:
    earlier, later = _ledger(old), _ledger(new)
    here = {path for path, (_, status, _) in later.items() if status not in _NO_FILES}
    there = {path for path, (_, status, _) in earlier.items() if status not in _NO_FILES}
    appeared, vanished = here - there, there - here
    moved = _moved(earlier, later, sorted(appeared), sorted(vanished))
    appeared -= {path for _, path in moved}
    vanished -= {path for path, _ in moved}
    side = sorted(path for path in appeared if is_side_file(path, later[path][1]))
    appeared -= set(side)
    failed = [
        (path, later[path][2])
        for path in sorted(here)
        if _has_failed(path, later[path][1]) and (path not in there or not _has_failed(path, earlier[path][1]))
    ]
    changed = [path for path in sorted(here & there) if earlier[path][0] != later[path][0]]
    return {
        "new": tuple(sorted(appeared)),
        "changed": tuple(changed),
        "gone": tuple(sorted(vanished)),
        "moved": tuple(moved),
        "failed": tuple(failed),
        "side": tuple(side),
    }


def _has_failed(path: str, status: str) -> bool:
    return status in _FAILED and not is_side_file(path, status)


def _ledger(files: LedgerRows) -> dict[str, tuple[str, str, str]]:
    """MD5, status and reason by path."""
    columns = (files.path.tolist(), hex_md5(files.md5), files.status.tolist(), files.reason.tolist())
    return {path: (md5, status, reason) for path, md5, status, reason in zip(*columns, strict=True)}


def _moved(
    earlier: Mapping[str, tuple[str, str, str]],
    later: Mapping[str, tuple[str, str, str]],
    appeared: Sequence[str],
    vanished: Sequence[str],
) -> list[tuple[str, str]]:
    """Pairs of a path that vanished and one that appeared with the same bytes, in the order of the paths."""
    waiting: dict[str, list[str]] = {}
    for path in reversed(vanished):
        waiting.setdefault(earlier[path][0], []).append(path)
    return [(waiting[md5].pop(), path) for path in appeared if waiting.get(md5 := later[path][0])]


def _duplicates(before: zarr.Group, after: zarr.Group, old: LedgerRows, new: LedgerRows) -> dict[str, int]:
    known = set(read_table(before, "duplicates", "image").get("image", np.empty(0, np.int64)).tolist())
    columns = read_table(after, "duplicates", "group", "image", "relation").values()
    joined = [
        str(relation)
        for group, image, relation in zip(*columns, strict=True)
        if image != group and int(image) not in known
    ]
    counts = Counter(joined)
    copies = int(np.sum(new.status == "duplicate")) - int(np.sum(old.status == "duplicate"))
    return dict(sorted(counts.items())) | ({"same_bytes": copies} if copies > 0 else {})


def _scales(root: zarr.Group, pictures: NDArray[np.int64]) -> dict[str, int]:
    if "scale/status" not in root:
        return {}
    status = read_strings(root, "scale/status")
    known = pictures[pictures < len(status)]
    return dict(Counter(str(text) for text in status[known].tolist() if text).most_common())


def _rescaled(before: zarr.Group, after: zarr.Group, first_new: int, files: LedgerRows) -> tuple[tuple[str, str], ...]:
    """Older pictures whose status or value is another, by path; what had none before does not count."""
    names = ("status", "nm_per_px")
    old, new = read_table(before, "scale", *names), read_table(after, "scale", *names)
    if not old or not new:
        return ()
    both = min(first_new, len(old["status"]), len(new["status"]))
    status = old["status"][:both], new["status"][:both]
    size = old["nm_per_px"][:both], new["nm_per_px"][:both]
    same = (status[0] == status[1]) & ((size[0] == size[1]) | (np.isnan(size[0]) & np.isnan(size[1])))
    changed = np.flatnonzero(~same & (status[0] != "") & (status[1] != ""))
    said = {row: f"{_in_words(status[0][row], size[0][row])} -> {_in_words(status[1][row], size[1][row])}"
            for row in changed.tolist()}  # fmt: skip
    first = np.isin(files.status, FIRST_PATHS) & np.isin(files.image, changed)
    rows = zip(files.path[first].tolist(), files.image[first].tolist(), strict=True)
    return tuple(sorted((path, said[row]) for path, row in rows))


def _in_words(status: str, nm_per_px: float) -> str:
    value = f", {nm_per_px:.4g} nm a pixel" if np.isfinite(nm_per_px) else ""
    return f"{status.replace('_', ' ')}{value}"


_BAD_ENDS = {"focus": False, "contrast_levels": False, "noise_levels": True, "saturated_share": True}
"""Measures of quality, and whether large values are the bad ones."""


def _quality(root: zarr.Group, pictures: NDArray[np.int64], older: NDArray[np.int64]) -> dict[str, int]:
    table = read_table(root, "images", *_BAD_ENDS, "filled_share")
    counts: dict[str, int] = {}
    for name, large_is_bad in _BAD_ENDS.items():
        values = table.get(name)
        if values is None or not len(older):
            continue
        badness = np.asarray(values, np.float64) * (1 if large_is_bad else -1)
        counts[name] = int(np.sum(badness[pictures] > np.nanquantile(badness[older], _WORST_FROM)))
    if "filled_share" in table:
        counts["filled_share"] = int(np.sum(column_of(table, "filled_share", np.float32)[pictures] >= SUSPECT_SHARE))
    return {name: count for name, count in counts.items() if count}


def _growth(before: zarr.Group, after: zarr.Group, recipe: Recipe) -> tuple[Growth, ...]:
    """Of each method the clustering with the middle k: of all of them the list would say the same many times."""
    found: list[Growth] = []
    for stored in stored_clusterings(after, recipe):
        old, new = read_table(before, group_of(stored.part), "images", "labels"), stored.read(after, "images", "labels")
        if not old or not new or old["labels"].shape[1] != new["labels"].shape[1]:
            continue
        middle = stored.clusterings[len(stored.k) // 2]
        images, labels = zip(*(_partition(table, middle.column) for table in (old, new)), strict=True)
        found += _grown(middle.name, images[0], labels[0], images[1], labels[1])
    return tuple(sorted(found, key=lambda growth: (growth.before - growth.after, growth.clustering, growth.cluster)))


def _partition(table: Columns, column: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    return column_of(table, "images", np.int64), column_of(table, "labels", np.int32)[:, column]


def _grown(
    name: str,
    old_images: NDArray[np.int64],
    old: NDArray[np.int64],
    new_images: NDArray[np.int64],
    new: NDArray[np.int64],
) -> list[Growth]:
    """Clusters that have more pictures than the one they come from; pictures in no cluster (-1) count nowhere."""
    old_images, old = old_images[old >= 0], old[old >= 0]
    new_images, new = new_images[new >= 0], new[new >= 0]
    _, at_old, at_new = np.intersect1d(old_images, new_images, return_indices=True)
    if not len(at_old):
        return []
    shared = np.zeros((int(new.max()) + 1, int(old.max()) + 1), np.int64)
    np.add.at(shared, (new[at_new], old[at_old]), 1)
    before, after = np.bincount(old, minlength=shared.shape[1]), np.bincount(new, minlength=shared.shape[0])
    grown = []
    for cluster in np.flatnonzero(shared.sum(axis=1)).tolist():
        was = int(before[np.argmax(shared[cluster])])
        if after[cluster] > was:
            grown.append(Growth(name, cluster, was, int(after[cluster])))
    return grown


def _drift(root: zarr.Group, recipe: Recipe, pictures: NDArray[np.int64]) -> list[Drift]:
    rows: list[Drift] = []
    for vectors in vector_sets(root, recipe):
        distances = find_array(root, f"{neighbours_group(vectors.name)}/distances", np.float32)
        if distances is None or distances.shape[0] != len(vectors.rows):
            continue
        nearest = distances[:, 0].astype(np.float64)
        fresh = np.isin(vectors.rows, pictures)
        if fresh.any() and not fresh.all():
            older = nearest[~fresh]
            ratio = float(np.median(nearest[fresh]) / max(float(np.median(older)), np.finfo(float).tiny))
            unlike = int(np.sum(nearest[fresh] > np.quantile(older, _UNUSUAL)))
            rows.append(Drift(vectors.name, int(fresh.sum()), ratio, unlike))
    return rows
