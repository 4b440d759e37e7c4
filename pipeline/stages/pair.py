"""pair: find the images that show one picture, and choose the one that stands for it.

Exactly equal pixels are found by their MD5. Other copies (re-encoded, nearly equal, scaled down, without the data bar
or with another one) are looked for among images whose small signatures of the upper part differ by a few gray levels at
most, and are then compared pixel by pixel; what was compared once is kept in the table ``comparisons`` and never
compared again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.errors import ImageError
from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.same_picture import Comparison, Copy, compare_pictures
from pipeline.kernels.signatures import near_signature_pairs
from pipeline.stages.keys import content_key, stage_key
from pipeline.stages.ledger import (
    IMAGES,
    Source,
    read_images,
    read_source,
    sources_of,
    text_array,
)
from pipeline.stages.plan import Context, Job, Plan, Stage, Worker
from pipeline.storage.corpus import Corpus
from pipeline.storage.tables import read_table, write_table

NAME = "pair"

COMPARISONS = "comparisons"
DUPLICATES = "duplicates"

_PAIRS_PER_TASK = 32
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
    candidates = _candidates(context, images) if settings.same_picture else []
    if candidates:
        return _comparing(context, candidates)
    key = stage_key(NAME, settings.model_dump(), content_key(images["md5"], images["present"]))
    if DUPLICATES in context.root and context.root[DUPLICATES].attrs.get("key") == key:
        return None
    return Plan(
        step="representatives",
        tasks=(),
        job=Job(NAME, _nothing),
        merge=partial(_merge_pictures, key=key),
        settings=settings.model_dump(),
    )


def _nothing(root: zarr.Group) -> Worker:
    raise AssertionError("this step has no tasks")


def _candidates(context: Context, images: dict[str, NDArray[Any]]) -> list[tuple[int, int]]:
    """Pairs of present images, one of each exact-pixel group, that look alike and were not compared yet."""
    _, first = np.unique(images["pixel_md5"][images["present"]], axis=0, return_index=True)
    rows = np.sort(np.flatnonzero(images["present"])[first])
    done = read_table(context.root, COMPARISONS, "first", "second") if COMPARISONS in context.root else {}
    compared = set(zip(done["first"].tolist(), done["second"].tolist(), strict=True)) if done else set()
    pairs = near_signature_pairs(
        images["signature"][rows],
        tolerance=context.recipe.pair.signature_tolerance,
    )
    found = ((int(rows[a]), int(rows[b])) for a, b in pairs.tolist())
    return [pair for pair in found if pair not in compared]


def _comparing(context: Context, candidates: Sequence[tuple[int, int]]) -> Plan | None:
    sources = {
        source.image: source for source in sources_of(context.root, {row for pair in candidates for row in pair})
    }
    pairs = [(sources[a], sources[b]) for a, b in candidates if a in sources and b in sources]
    blocks = [tuple(pairs[start : start + _PAIRS_PER_TASK]) for start in range(0, len(pairs), _PAIRS_PER_TASK)]
    return Plan(
        step="compare look-alikes",
        tasks=[PairTask(block) for block in blocks],
        job=Job(f"pair {context.corpus.url}", partial(_comparer, context.corpus, context.recipe.walk.max_pixels)),
        merge=_merge_comparisons,
        engine="dask",
        seconds_per_item=0.1,
        settings=context.recipe.pair.model_dump(),
        skipped=lambda found: sum(comparison is None for _, _, comparison in found),
    )


Compared = tuple[int, int, Comparison | None]


def _comparer(corpus: Corpus, max_pixels: int, _: zarr.Group) -> Worker:
    def worker(root: zarr.Group, task: PairTask) -> list[Compared]:
        return [(a.image, b.image, _compare(corpus, a, b, max_pixels)) for a, b in task.pairs]

    return worker


def _compare(corpus: Corpus, a: Source, b: Source, max_pixels: int) -> Comparison | None:
    try:
        data = [corpus.read(source.path) for source in (a, b)]
        grays = [to_gray8(read_source(corpus, source, max_pixels=max_pixels)) for source in (a, b)]
    except ImageError:
        return None  # it vanished meanwhile: compared when it is back
    return compare_pictures(Copy(data[0], grays[0]), Copy(data[1], grays[1]))


def _merge_comparisons(root: zarr.Group, results: Sequence[list[Compared]]) -> None:
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


def _merge_pictures(root: zarr.Group, results: Sequence[Any], *, key: int) -> None:
    """Write ``images/picture`` and the table of duplicates."""
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
