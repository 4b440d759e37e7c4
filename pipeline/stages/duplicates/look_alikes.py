"""Images that look alike: which pairs are worth a comparison, and the comparing itself.

Candidates come from the small signatures; an image that looks like too many others (an empty frame) gets fingerprints
of its fields instead, so that the pairs stay in proportion to the images. What was compared once is kept in the table
``comparisons`` and never compared again; ``searched`` holds the images among which no look-alike is left to be found,
so that a few new images cost a search for these few.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config.recipe import PairSettings
from pipeline.errors import ImageError
from pipeline.imaging.canonical import GRAY_BITS, SQUARE_PX
from pipeline.imaging.matching.fingerprint import fingerprints
from pipeline.imaging.matching.same_picture import Comparison, Copy, compare_pictures
from pipeline.imaging.quality import SUSPECT_SHARE
from pipeline.index.arrays import attributes_of
from pipeline.index.tables import column_of, read_table, write_table
from pipeline.kernels.signatures.candidate_pairs import near_signature_pairs, shared_value_pairs
from pipeline.kernels.signatures.cut_off_pairs import cut_off_pairs
from pipeline.kernels.signatures.turned_pairs import turned_pairs
from pipeline.kernels.signatures.unlike_copies import other_gray_pairs, thumbnail_pairs
from pipeline.runtime.plan import Block, Context, Job, Plan, Worker
from pipeline.stage_list import VERSIONS
from pipeline.stages.duplicates import tables
from pipeline.stages.files.contents import Contents
from pipeline.stages.files.ledger import ImageRows, Source, sources_of, text_array

NAME = "pair"

COMPARISONS = tables.COMPARISONS.place
FINGERPRINTS = tables.FINGERPRINTS.place
SEARCHED = tables.SEARCHED.place
UNAVAILABLE = tables.UNAVAILABLE.place

CROWD = 64
"""An image with so many look-alikes is told from them by its fields; a field that so many share says nothing."""

_FIELDS_IN_COMMON = 8  # of 64: 33 pixels that differ leave some 38 as they are
_PAIRS_PER_TASK = 32
_IMAGES_PER_TASK = 32
_KEPT_PICTURES = 4  # of a worker: pairs come sorted by their first picture, which mostly stays the same

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs to compare, and crowded images whose fields have not been hashed yet."""

    pairs: list[Pair]
    crowded: list[int]


def find_candidates(
    root: zarr.Group, images: ImageRows, rows: NDArray[np.int64], settings: PairSettings, key: int
) -> Candidates:
    """Pairs of ``rows`` that look alike and were not compared yet, those that could not be read just now left out.

    Parameters
    ----------
    root : zarr.Group
    images : ImageRows
        All images.
    rows : ndarray of int64
        Images to look among.
    settings : PairSettings
    key : int
        Of the images as they are now.
    """
    tolerance = settings.signature_tolerance
    new = ~np.isin(rows, _searched(root, tolerance))
    signatures = images.signature[rows]
    near = near_signature_pairs(signatures, tolerance=tolerance, crowd=CROWD, new=new)
    known = read_stored(root, FINGERPRINTS)
    hashed = set(known["image"].tolist()) if known else set()
    unreadable = {row for pair in unavailable(root, key) for row in pair}
    crowded = [row for row in rows[near.crowded].tolist() if row not in hashed and row not in unreadable]
    pairs = {(int(a), int(b)) for a, b in rows[near.pairs].tolist()}
    if known:
        pairs |= _pairs_by_fields(known, set(rows[new].tolist()), set(rows.tolist()))
    shape = np.stack([images.height_px[rows], images.width_px[rows]], axis=1).astype(np.int64)
    squares = images.square[rows].reshape(-1, SQUARE_PX, SQUARE_PX)
    unlike = (
        thumbnail_pairs(signatures, shape, crowd=CROWD, new=new),
        other_gray_pairs(signatures, images.bit_depth[rows] > GRAY_BITS, crowd=CROWD, new=new),
        turned_pairs(squares, tolerance=tolerance, crowd=CROWD, new=new),
        cut_off_pairs(
            squares, images.filled_share[rows], shape, least=SUSPECT_SHARE, tolerance=tolerance, crowd=CROWD, new=new
        ),
    )
    pairs |= {(int(a), int(b)) for a, b in rows[np.concatenate(unlike)].tolist()}
    done = _pairs(root, COMPARISONS) | unavailable(root, key)
    return Candidates(sorted(pairs - done), crowded)


def _pairs_by_fields(known: dict[str, NDArray[np.generic]], new: set[int], rows: set[int]) -> set[Pair]:
    here = np.isin(known["image"], sorted(rows))
    image, fields = column_of(known, "image", np.int64)[here], column_of(known, "fields", np.uint64)[here]
    shared = np.sort(image[shared_value_pairs(fields, most=CROWD, least=_FIELDS_IN_COMMON)], axis=1)
    return {(a, b) for a, b in shared.tolist() if a != b and (a in new or b in new)}


def read_stored(root: zarr.Group, table: str) -> dict[str, NDArray[np.generic]]:
    """A table of this version of the method; nothing where an older version has left it."""
    if attributes_of(root, table).get("version") != VERSIONS[NAME]:
        return {}
    return read_table(root, table)


def write_stored(root: zarr.Group, table: str, columns: dict[str, NDArray[np.generic]], **attributes: int) -> None:
    """Write a table with the version of the method."""
    write_table(root, table, columns, attributes={"version": VERSIONS[NAME], **attributes})


def _searched(root: zarr.Group, tolerance: int) -> NDArray[np.int64]:
    """Images whose look-alikes among each other have all been found and compared, at this tolerance."""
    found = read_stored(root, SEARCHED)
    if not found or attributes_of(root, SEARCHED).get("tolerance") != tolerance:
        return np.empty(0, np.int64)
    return column_of(found, "image", np.int64)


def write_searched(root: zarr.Group, rows: NDArray[np.int64], *, key: int, tolerance: int) -> None:
    """Note that nothing is left to be found among ``rows``, but for those that could not be read."""
    failed = {row for pair in unavailable(root, key) for row in pair}
    write_stored(root, SEARCHED, {"image": rows[~np.isin(rows, sorted(failed))]}, tolerance=tolerance)


def _pairs(root: zarr.Group, table: str) -> set[Pair]:
    found = read_stored(root, table)
    return set(zip(found["first"].tolist(), found["second"].tolist(), strict=True)) if found else set()


def unavailable(root: zarr.Group, key: int) -> set[Pair]:
    """Pairs (and crowded images, as pairs with themselves) that could not be read since the images last changed."""
    known = attributes_of(root, UNAVAILABLE).get("key") == key
    return _pairs(root, UNAVAILABLE) if known else set()


def _add_unavailable(root: zarr.Group, failed: set[Pair], key: int) -> None:
    if failed:
        both = np.array(sorted(failed | unavailable(root, key)), np.int64)
        write_stored(root, UNAVAILABLE, {"first": both[:, 0], "second": both[:, 1]}, key=key)


def _read(contents: Contents, source: Source) -> Copy | None:
    try:
        data = contents.read(source)
        return contents.copy(data)
    except ImageError:
        return None  # it has vanished since the walk


# --- fields of the crowded ------------------------------------------------------------------------------------------


def plan_fingerprints(context: Context, crowded: Sequence[int], key: int) -> Plan:
    """Hash the fields of images that look like many others."""
    sources = sources_of(context.root, crowded)
    blocks = [tuple(sources[start : start + _IMAGES_PER_TASK]) for start in range(0, len(sources), _IMAGES_PER_TASK)]
    contents = Contents(context.corpus, context.recipe.walk)
    return Plan(
        step="look at the fields of look-alikes of many",
        tasks=[Block(len(b), f"images {b[0].path} to {b[-1].path}", b) for b in blocks],
        job=Job(
            f"{NAME} fields {context.corpus.url}",
            partial(_fingerprinter, partial(_read, contents)),
        ),
        merge=partial(_merge_fingerprints, key=key),
        engine="dask",
        seconds_per_item=0.1,
        settings=context.recipe.pair.model_dump(),
        skipped=lambda found: sum(fields is None for _, fields in found),
    )


Fingerprinted = tuple[int, NDArray[np.uint64] | None]


def _fingerprinter(read: Callable[[Source], Copy | None], root: zarr.Group) -> Worker:
    def one(source: Source) -> Fingerprinted:
        copy = read(source)
        return source.image, None if copy is None else fingerprints(copy.data, copy.gray)

    def worker(root: zarr.Group, task: Block) -> list[Fingerprinted]:
        return [one(source) for source in task.data]

    return worker


def _merge_fingerprints(root: zarr.Group, results: Sequence[list[Fingerprinted]], *, key: int) -> None:
    found = [one for block in results for one in block]
    _add_unavailable(root, {(image, image) for image, fields in found if fields is None}, key)
    good = [(image, fields) for image, fields in found if fields is not None]
    old = read_stored(root, FINGERPRINTS)
    new = {
        "image": np.array([image for image, fields in good for _ in fields], np.int64),
        "fields": np.concatenate([fields for _, fields in good] or [np.empty((0, 64), np.uint64)]),
    }
    write_stored(root, FINGERPRINTS, {k: np.concatenate([old[k], new[k]]) if old else new[k] for k in new})


# --- comparing ------------------------------------------------------------------------------------------------------


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


def plan_comparisons(context: Context, candidates: Sequence[Pair], key: int) -> Plan:
    """Compare pairs of images pixel by pixel."""
    found = sources_of(context.root, {row for pair in candidates for row in pair})
    sources = {source.image: source for source in found}
    pairs = [(sources[a], sources[b]) for a, b in candidates]
    blocks = [tuple(pairs[start : start + _PAIRS_PER_TASK]) for start in range(0, len(pairs), _PAIRS_PER_TASK)]
    contents = Contents(context.corpus, context.recipe.walk)
    return Plan(
        step="compare look-alikes",
        tasks=[PairTask(block) for block in blocks],
        job=Job(
            f"{NAME} {context.corpus.url}",
            partial(_comparer, partial(_read, contents)),
        ),
        merge=partial(_merge_comparisons, key=key),
        engine="dask",
        seconds_per_item=0.1,
        settings=context.recipe.pair.model_dump(),
        skipped=lambda found: sum(comparison is None for _, _, comparison in found),
    )


Compared = tuple[int, int, Comparison | None]


def _comparer(read_file: Callable[[Source], Copy | None], root: zarr.Group) -> Worker:
    read = lru_cache(_KEPT_PICTURES)(read_file)

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
    _add_unavailable(root, {(a, b) for block in results for a, b, c in block if c is None}, key)
    found = [(a, b, c) for block in results for a, b, c in block if c is not None]
    old = read_stored(root, COMPARISONS)
    new: dict[str, NDArray[np.generic]] = {
        "first": np.array([a for a, _, _ in found], np.int64),
        "second": np.array([b for _, b, _ in found], np.int64),
        "relation": text_array([c.relation for _, _, c in found]),
        "evidence": text_array([c.evidence for _, _, c in found]),
        "differing_pixels": np.array([c.differing_pixels for _, _, c in found], np.int64),
        "max_difference": np.array([c.max_difference for _, _, c in found], np.int64),
        "mean_difference": np.array([c.mean_difference for _, _, c in found], np.float64),
    }
    write_stored(root, COMPARISONS, {k: np.concatenate([old[k], new[k]]) if old else new[k] for k in new})
