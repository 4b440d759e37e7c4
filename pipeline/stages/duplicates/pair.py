"""pair: find the images that show one picture, and choose the one that stands for it.

Exactly equal pixels are found by their MD5. Other copies (re-encoded, nearly equal, scaled down, without the data bar
or with another one) are looked for among look-alikes (`pipeline.stages.duplicates.look_alikes`) and compared pixel by
pixel.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.imaging.quality import SUSPECT_SHARE
from pipeline.index.arrays import attributes_of
from pipeline.index.tables import column_of, update_rows, write_table
from pipeline.kernels.union_find import connected_components
from pipeline.runtime.keys import content_key, stage_key
from pipeline.runtime.plan import Context, Done, Job, Plan, Stage, Worker
from pipeline.stages.duplicates import tables
from pipeline.stages.duplicates.look_alikes import (
    COMPARISONS,
    NAME,
    find_candidates,
    plan_comparisons,
    plan_fingerprints,
    read_stored,
    write_searched,
)
from pipeline.stages.files.ledger import IMAGES, ImageRows, read_images, text_array
from pipeline.stages.selection import unpaired_images

DUPLICATES = tables.DUPLICATES.place

_FORMAT_RANK = {"tiff": 0, "dm4": 1, "dm3": 2, "hdf5": 3, "png": 4, "bmp": 5, "gif": 6, "pdf": 7, "jpeg": 8, "djvu": 9}

_STRENGTH = ("same_pixels", "near", "same_picture", "other_bar", "cut_off", "turned", "mirrored", "crop", "thumbnail")


def plan(context: Context) -> Plan | None:
    """Compare candidates that were not compared before; with none left, choose the representatives."""
    images = read_images(context.root)
    if not len(images.md5):
        return None
    settings = context.recipe.pair
    key = stage_key(NAME, settings.model_dump(), content_key(images.md5, images.present))
    if attributes_of(context.root, DUPLICATES).get("key") == key:
        return None
    rows = _distinct_rows(images) if settings.same_picture else np.empty(0, np.int64)
    candidates = find_candidates(context.root, images, rows, settings, key)
    if candidates.crowded:
        return plan_fingerprints(context, candidates.crowded, key)
    if candidates.pairs:
        return plan_comparisons(context, candidates.pairs, key)
    return Plan(
        step="representatives",
        tasks=(),
        job=Job(NAME, _nothing),
        merge=partial(_merge_pictures, key=key, searched=rows, tolerance=settings.signature_tolerance),
        settings=settings.model_dump(),
    )


def _nothing(root: zarr.Group) -> Worker:
    raise AssertionError("this step has no tasks")


def _distinct_rows(images: ImageRows) -> NDArray[np.int64]:
    """Present images, one of each exact-pixel group, ascending."""
    _, first = np.unique(images.pixel_md5[images.present], axis=0, return_index=True)
    return np.sort(np.flatnonzero(images.present)[first]).astype(np.int64)


def _merge_pictures(
    root: zarr.Group, results: Sequence[object], *, key: int, searched: NDArray[np.int64], tolerance: int
) -> None:
    """Write ``images/picture`` and the tables of duplicates and of the images that were searched."""
    write_searched(root, searched, key=key, tolerance=tolerance)
    images = read_images(root)
    links = list(_links(root, images))
    group = connected_components(len(images.md5), [(a, b) for a, b, *_ in links])
    picture = _choose(images, group)
    update_rows(root, IMAGES, np.arange(len(picture)), {"picture": picture}, total=len(picture))
    write_table(root, DUPLICATES, _duplicate_rows(links, picture), attributes={"key": key})


Link = tuple[int, int, str, str, int, int]  # image, image, relation, evidence, differing pixels, largest difference


def _links(root: zarr.Group, images: ImageRows) -> Iterator[Link]:
    """What ties present images together, exact pixels first."""
    present = images.present
    first_of: dict[bytes, int] = {}
    for row in np.flatnonzero(present).tolist():
        first = first_of.setdefault(images.pixel_md5[row].tobytes(), row)
        if first != row:
            yield first, row, "same_pixels", "equal_pixels", 0, 0
    compared = read_stored(root, COMPARISONS)
    if compared:
        there = present[compared["first"]] & present[compared["second"]] & (compared["relation"] != "")
        there &= ~_of_another_scan(compared, there, images.width_px.astype(np.int64) * images.height_px)
        names = ("first", "second", "relation", "evidence", "differing_pixels", "max_difference")
        yield from zip(*(compared[name][there].tolist() for name in names), strict=True)


def _of_another_scan(
    compared: dict[str, NDArray[np.generic]], there: NDArray[np.bool_], area: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Comparisons by which a thumbnail resembles a picture, but another one more.

    At a small size two scans of one field look alike. A thumbnail is of that picture from which it differs least in the
    mean, the first of equal ones; what is proven by encoding it again stays anyhow.
    """
    thumbnails = np.flatnonzero(there & (compared["relation"] == "thumbnail"))
    first, second = (column_of(compared, name, np.int64)[thumbnails] for name in ("first", "second"))
    smaller = np.where(area[first] < area[second], first, second)
    proven = compared["evidence"][thumbnails] == "re_encoded"
    order = np.lexsort((first + second - smaller, compared["mean_difference"][thumbnails], ~proven, smaller))
    best = order[np.unique(smaller[order], return_index=True)[1]]
    others = np.setdiff1d(np.arange(len(thumbnails)), best)
    found = np.zeros(len(there), bool)
    found[thumbnails[others[~proven[others]]]] = True
    return found


def _choose(images: ImageRows, group: NDArray[np.int64]) -> NDArray[np.int64]:
    """The representative of every image: one chosen before is kept; else a whole one, TIFF, larger, of smaller MD5."""
    old, present = images.picture, images.present

    def rank(row: int) -> tuple[bool, bool, bool, int, int, bytes]:
        area = int(images.width_px[row]) * int(images.height_px[row])
        format_rank = _FORMAT_RANK.get(str(images.format[row]), 9)
        suspect = bool(images.filled_share[row] >= SUSPECT_SHARE)
        return not present[row], old[row] != row, suspect, format_rank, -area, images.md5[row].tobytes()

    picture = np.arange(len(group), dtype=np.int64)
    shared = np.flatnonzero(np.bincount(group, minlength=len(group))[group] > 1)
    members: dict[int, list[int]] = {}
    for row in shared.tolist():
        members.setdefault(int(group[row]), []).append(row)
    for rows in members.values():
        picture[rows] = min(rows, key=rank)
    return picture


def _duplicate_rows(links: Sequence[Link], picture: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
    """A row a member of a group, the representative first, each with its strongest tie."""
    tie: dict[int, Link] = {}
    for link in sorted(links, key=lambda link: _STRENGTH.index(link[2])):
        for row in link[:2]:
            tie.setdefault(row, link)
    rows = sorted(tie, key=lambda row: (picture[row], row != picture[row], row))
    return {
        "group": picture[rows].astype(np.int64),
        "image": np.array(rows, np.int64),
        "relation": text_array([tie[row][2] for row in rows]),
        "evidence": text_array([tie[row][3] for row in rows]),
        "differing_pixels": np.array([tie[row][4] for row in rows], np.int64),
        "max_difference": np.array([tie[row][5] for row in rows], np.int64),
    }


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    present = int(np.sum(read_images(root).present))
    unpaired = unpaired_images(root)
    yield Done("", present - unpaired, unpaired, step="representatives")


STAGE = Stage(NAME, plan, tables.TABLES, _status)
