"""pair: find the images that show one picture, and choose the one that stands for it.

Exactly equal pixels are found by their MD5. Other copies (re-encoded, nearly equal, scaled down, without the data bar
or with another one) are looked for among images whose small signatures of the upper part differ by a few gray levels at
most, and are then compared pixel by pixel; what was compared once is kept in the table ``comparisons`` and never
compared again. The table ``searched`` holds the images among which no look-alike is left to be found, so that a few new
images cost a search for these few.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.errors import ImageError
from pipeline.imaging.same_picture import Comparison, Copy, compare_pictures
from pipeline.kernels.signatures import near_signature_pairs
from pipeline.stages.contents import Contents
from pipeline.stages.keys import content_key, stage_key
from pipeline.stages.ledger import (
    IMAGES,
    Source,
    read_images,
    sources_of,
    text_array,
)
from pipeline.stages.plan import Context, Job, Plan, Stage, Worker
from pipeline.storage.tables import read_table, write_table

NAME = "pair"

COMPARISONS = "comparisons"
DUPLICATES = "duplicates"
SEARCHED = "searched"
UNAVAILABLE = "unavailable"

_PAIRS_PER_TASK = 32
_KEPT_PICTURES = 4  # of a worker: pairs come sorted by their first picture, which mostly stays the same
_FORMAT_RANK = {"tiff": 0, "dm4": 1, "dm3": 2, "png": 3, "bmp": 4, "gif": 5, "pdf": 6, "jpeg": 7, "djvu": 8}


@dataclass(frozen=True, slots=True)
class PairTask:
    """Pairs of images to compare."""

    pairs: tuple[tuple[Source, Source], ...]

    @property
    def items(self) -> int:
        """Pairs in the task."""
        return len(self.pairs)

    @property
    def label(self) -> str:
        """The first and the last pair, by path."""
        return f"pairs {self.pairs[0][0].path} to {self.pairs[-1][1].path}"


def plan(context: Context) -> Plan | None:
    """Compare candidates that were not compared before; with none left, choose the representatives."""
    images = read_images(context.root)
    if not len(images["md5"]):
        return None
    settings = context.recipe.pair
    key = stage_key(NAME, settings.model_dump(), content_key(images["md5"], images["present"]))
    if DUPLICATES in context.root and context.root[DUPLICATES].attrs.get("key") == key:
        return None
    rows = _distinct_rows(images) if settings.same_picture else np.empty(0, np.int64)
    candidates = _candidates(context, images, rows, key)
    if candidates:
        return _comparing(context, candidates, key)
    return Plan(
        step="representatives",
        tasks=(),
        job=Job(NAME, _nothing),
        merge=partial(_merge_pictures, key=key, searched=rows, tolerance=settings.signature_tolerance),
        settings=settings.model_dump(),
    )


def _nothing(root: zarr.Group) -> Worker:
    raise AssertionError("this step has no tasks")


def _distinct_rows(images: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Present images, one of each exact-pixel group, ascending."""
    _, first = np.unique(images["pixel_md5"][images["present"]], axis=0, return_index=True)
    return np.sort(np.flatnonzero(images["present"])[first]).astype(np.int64)


def _candidates(
    context: Context, images: dict[str, NDArray[Any]], rows: NDArray[np.int64], key: int
) -> list[tuple[int, int]]:
    """Pairs of ``rows`` that look alike and were not compared yet, those that could not be read just now left out."""
    tolerance = context.recipe.pair.signature_tolerance
    new = ~np.isin(rows, _searched(context.root, tolerance))
    pairs = rows[near_signature_pairs(images["signature"][rows], tolerance=tolerance, new=new)]
    done = _pairs(context.root, COMPARISONS) | _unavailable(context.root, key)
    return [pair for pair in map(tuple, pairs.tolist()) if pair not in done]


def _searched(root: zarr.Group, tolerance: int) -> NDArray[np.int64]:
    """Images whose look-alikes among each other have all been found and compared, at this tolerance."""
    if SEARCHED not in root or root[SEARCHED].attrs.get("tolerance") != tolerance:
        return np.empty(0, np.int64)
    found: NDArray[np.int64] = read_table(root, SEARCHED)["image"]
    return found


def _pairs(root: zarr.Group, table: str) -> set[tuple[int, int]]:
    found = read_table(root, table, "first", "second")
    return set(zip(found["first"].tolist(), found["second"].tolist(), strict=True)) if found else set()


def _unavailable(root: zarr.Group, key: int) -> set[tuple[int, int]]:
    """Pairs that could not be read since the images last changed."""
    known = UNAVAILABLE in root and root[UNAVAILABLE].attrs.get("key") == key
    return _pairs(root, UNAVAILABLE) if known else set()


def _comparing(context: Context, candidates: Sequence[tuple[int, int]], key: int) -> Plan:
    found = sources_of(context.root, {row for pair in candidates for row in pair})
    sources = {source.image: source for source in found}
    pairs = [(sources[a], sources[b]) for a, b in candidates]
    blocks = [tuple(pairs[start : start + _PAIRS_PER_TASK]) for start in range(0, len(pairs), _PAIRS_PER_TASK)]
    contents = Contents(context.corpus, context.recipe.walk)
    return Plan(
        step="compare look-alikes",
        tasks=[PairTask(block) for block in blocks],
        job=Job(f"{NAME} {context.corpus.url}", partial(_comparer, contents)),
        merge=partial(_merge_comparisons, key=key),
        engine="dask",
        seconds_per_item=0.1,
        settings=context.recipe.pair.model_dump(),
        skipped=lambda found: sum(comparison is None for _, _, comparison in found),
    )


Compared = tuple[int, int, Comparison | None]


def _comparer(contents: Contents, root: zarr.Group) -> Worker:
    @lru_cache(_KEPT_PICTURES)
    def read(source: Source) -> Copy | None:
        try:
            data = contents.read(source)
            return Copy(data, contents.decode(data))
        except ImageError:
            return None  # it has vanished since the walk

    def compare(a: Source, b: Source) -> Comparison | None:
        first, second = read(a), read(b)
        return None if first is None or second is None else compare_pictures(first, second)

    def worker(root: zarr.Group, task: PairTask) -> list[Compared]:
        found = [(a.image, b.image, compare(a, b)) for a, b in task.pairs]
        read.cache_clear()
        return found

    return worker


def _merge_comparisons(root: zarr.Group, results: Sequence[list[Compared]], *, key: int) -> None:
    """Add what was compared; pairs that could not be read are tried again when the images have changed."""
    failed = _unavailable(root, key) | {(a, b) for block in results for a, b, c in block if c is None}
    if failed:
        both = np.array(sorted(failed), np.int64)
        write_table(root, UNAVAILABLE, {"first": both[:, 0], "second": both[:, 1]}, attributes={"key": key})
    found = [compared for block in results for compared in block if compared[2] is not None]
    old = read_table(root, COMPARISONS)
    new: dict[str, NDArray[Any]] = {
        "first": np.array([a for a, _, _ in found], np.int64),
        "second": np.array([b for _, b, _ in found], np.int64),
        "relation": text_array([c.relation for _, _, c in found if c]),
        "differing_pixels": np.array([c.differing_pixels for _, _, c in found if c], np.int64),
        "max_difference": np.array([c.max_difference for _, _, c in found if c], np.int64),
    }
    write_table(root, COMPARISONS, {k: np.concatenate([old[k], new[k]]) if old else new[k] for k in new})


def _merge_pictures(
    root: zarr.Group, results: Sequence[Any], *, key: int, searched: NDArray[np.int64], tolerance: int
) -> None:
    """Write ``images/picture`` and the tables of duplicates and of the images that were searched."""
    failed = {row for pair in _unavailable(root, key) for row in pair}
    searched = searched[~np.isin(searched, sorted(failed))]
    write_table(root, SEARCHED, {"image": searched}, attributes={"tolerance": tolerance})
    images = read_images(root)
    links = list(_links(root, images))
    group = _components(len(images["md5"]), [(a, b) for a, b, *_ in links])
    images["picture"] = _choose(images, group)
    write_table(root, IMAGES, images)
    write_table(root, DUPLICATES, _duplicate_rows(links, images), attributes={"key": key})


Link = tuple[int, int, str, int, int]  # image, image, relation, differing pixels, largest difference


def _links(root: zarr.Group, images: dict[str, NDArray[Any]]) -> Iterator[Link]:
    """What ties present images together, exact pixels first."""
    present = images["present"]
    first_of: dict[bytes, int] = {}
    for row in np.flatnonzero(present).tolist():
        first = first_of.setdefault(images["pixel_md5"][row].tobytes(), row)
        if first != row:
            yield first, row, "same_pixels", 0, 0
    compared = read_table(root, COMPARISONS) if COMPARISONS in root else {}
    if compared:
        names = ("first", "second", "relation", "differing_pixels", "max_difference")
        for a, b, relation, pixels, difference in zip(*(compared[name].tolist() for name in names), strict=True):
            if relation and present[a] and present[b]:
                yield a, b, relation, pixels, difference


def _components(n: int, edges: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """The smallest member of the connected group of each of ``n`` nodes."""
    parent = np.arange(n, dtype=np.int64)

    def find(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = int(parent[node])
        return node

    for a, b in edges:
        low, high = sorted((find(a), find(b)))
        parent[high] = low
    return np.array([find(node) for node in range(n)], np.int64)


def _choose(images: dict[str, NDArray[Any]], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """The representative of every image: one chosen before is kept; else TIFF first, then larger, then smaller MD5."""
    old, present = images["picture"], images["present"]

    def rank(row: int) -> tuple[bool, bool, int, int, bytes]:
        area = int(images["width_px"][row]) * int(images["height_px"][row])
        format_rank = _FORMAT_RANK.get(str(images["format"][row]), 9)
        return not present[row], old[row] != row, format_rank, -area, images["md5"][row].tobytes()

    picture = np.arange(len(group), dtype=np.int64)
    shared = np.flatnonzero(np.bincount(group, minlength=len(group))[group] > 1)
    members: dict[int, list[int]] = {}
    for row in shared.tolist():
        members.setdefault(int(group[row]), []).append(row)
    for rows in members.values():
        picture[rows] = min(rows, key=rank)
    return picture


def _duplicate_rows(links: Sequence[Link], images: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A row a member of a group: the representative first with no relation, then each other with its strongest tie."""
    strength = {"same_pixels": 0, "near": 1, "same_picture": 2, "other_bar": 3, "crop": 4, "thumbnail": 5}
    tie: dict[int, Link] = {}
    for link in sorted(links, key=lambda link: strength[link[2]]):
        for row in link[:2]:
            tie.setdefault(row, link)
    picture = images["picture"]
    rows = sorted(tie, key=lambda row: (picture[row], row != picture[row], row))
    return {
        "group": picture[rows].astype(np.int64),
        "image": np.array(rows, np.int64),
        "relation": text_array([tie[row][2] for row in rows]),
        "differing_pixels": np.array([tie[row][3] for row in rows], np.int64),
        "max_difference": np.array([tie[row][4] for row in rows], np.int64),
    }


STAGE = Stage(NAME, plan)
