"""Matching the files of a label set to images: by bytes, by pixels, and as re-encodings of a picture.

A label set's JPG is often an export of its own: neither its bytes nor its pixels are in the corpus. Its signature finds
the images that look like it, and `pipeline.imaging.matching.same_picture` tells whether it is one of them: proven by
encoding the image again, or within what the JPG's quantisation explains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.corpus.source import Corpus
from pipeline.errors import ImageError
from pipeline.imaging.matching.same_picture import Copy, compare_pictures
from pipeline.index.arrays import attributes_of
from pipeline.index.tables import read_table, write_table
from pipeline.kernels.signatures.candidate_pairs import near_signature_pairs
from pipeline.runtime.keys import content_key
from pipeline.runtime.plan import Block, Context, Job, Plan, Worker
from pipeline.stage_list import VERSIONS
from pipeline.stages.duplicates.look_alikes import CROWD
from pipeline.stages.files.contents import Contents
from pipeline.stages.files.ledger import ImageRows, Source, bytes_md5, read_images, sources_of, text_array
from pipeline.stages.labels.tables import RE_ENCODINGS

NAME = "labels"

_PAIRS_PER_TASK = 32
_PIXELS = b"pixels"
_UNREADABLE = "unreadable"

Way = Literal["bytes", "pixels", "re-encoding", ""]
Lookup = Mapping[bytes, int]


def content_lookup(images: ImageRows) -> Lookup:
    """Image row by MD5, and by pixel MD5 with a prefix; present images with a picture only."""
    rows = np.flatnonzero(images.present & (images.picture >= 0)).tolist()
    by_pixels = {_PIXELS + images.pixel_md5[row].tobytes(): row for row in reversed(rows)}
    return by_pixels | {images.md5[row].tobytes(): row for row in rows}


def _found(lookup: Lookup, md5: bytes, pixel_md5: bytes) -> tuple[int | None, Way]:
    if md5 in lookup:
        return lookup[md5], "bytes"
    if any(pixel_md5) and _PIXELS + pixel_md5 in lookup:
        return lookup[_PIXELS + pixel_md5], "pixels"
    return None, ""


def left_over(files: dict[str, NDArray[np.generic]], lookup: Lookup) -> NDArray[np.int64]:
    """Rows of ``files``, one a content, that are pictures and are matched neither by bytes nor by pixels."""
    rows: dict[bytes, int] = {}
    for row, (md5, pixel_md5) in enumerate(zip(files["md5"], files["pixel_md5"], strict=True)):
        if pixel_md5.any() and _found(lookup, md5.tobytes(), pixel_md5.tobytes())[0] is None:
            rows.setdefault(md5.tobytes(), row)
    return np.array(sorted(rows.values()), np.int64)


@dataclass(frozen=True, slots=True)
class Matches:
    """Of each file of a set: its content (None where it has none), its image, and how that was found."""

    contents: list[bytes | None]
    images: list[int | None]
    ways: list[Way]

    def counts(self) -> dict[str, int]:
        """Files, contents, and how many contents were matched, in all and in which way."""
        way_of = {content: way for content, way in zip(self.contents, self.ways, strict=True) if content is not None}
        without = sum(content is None for content in self.contents)
        matched = sum(bool(way) for way in way_of.values())
        return {
            "files": len(self.contents),
            "unique": len(way_of),
            "matched": matched,
            "matched_by_bytes": sum(way == "bytes" for way in way_of.values()),
            "matched_by_pixels": sum(way == "pixels" for way in way_of.values()),
            "matched_by_re_encoding": sum(way == "re-encoding" for way in way_of.values()),
            "unmatched": len(way_of) - matched + without,
            "repeated": len(self.contents) - len(way_of) - without,
        }


def match_files(files: dict[str, NDArray[np.generic]], lookup: Lookup, re_encodings: Mapping[bytes, int]) -> Matches:
    """Match every file; a file without a content (it could not be read) matches nothing."""
    contents: list[bytes | None] = []
    images: list[int | None] = []
    ways: list[Way] = []
    for md5, pixel_md5 in zip(files["md5"], files["pixel_md5"], strict=True):
        image, way = _found(lookup, md5.tobytes(), pixel_md5.tobytes())
        if image is None and md5.tobytes() in re_encodings:
            image, way = re_encodings[md5.tobytes()], "re-encoding"
        contents.append(md5.tobytes() if md5.any() else None)
        images.append(image)
        ways.append(way)
    return Matches(contents, images, ways)


def matches_table(name: str) -> str:
    """Group of the table that holds which images a set's files were compared with."""
    return f"label_matches/{name}"


def _compared(root: zarr.Group, name: str) -> dict[str, NDArray[np.generic]]:
    table = matches_table(name)
    if attributes_of(root, table).get("version") != (VERSIONS["pair"] << 16) + VERSIONS[NAME]:
        return {}
    return read_table(root, table)


def known_matches(root: zarr.Group, name: str, present: NDArray[np.bool_]) -> dict[bytes, int]:
    """The present image that each content is a re-encoding of: the first, where there are several."""
    compared, found = _compared(root, name), dict[bytes, int]()
    if compared:
        for md5, image, relation in zip(compared["md5"], compared["image"].tolist(), compared["relation"], strict=True):
            if relation in RE_ENCODINGS and present[image]:
                found[md5.tobytes()] = min(image, found.get(md5.tobytes(), image))
    return found


def matches_key(root: zarr.Group, name: str) -> int:
    """Changes with what the comparisons of a set have found."""
    compared = _compared(root, name)
    return content_key(*(compared[column] for column in sorted(compared)))


Pair = tuple[str, bytes, Source]  # path in the set, MD5, image


def plan_matches(context: Context, name: str, labels: Corpus, rest: NDArray[np.int64]) -> Plan | None:
    """Compare the files that are left over with the images that look like them; nothing when that was done."""
    images = read_images(context.root)
    key = content_key(images.md5, images.present)
    pairs = _pairs(context, name, rest, images, key)
    if not pairs:
        return None
    blocks = [tuple(pairs[start : start + _PAIRS_PER_TASK]) for start in range(0, len(pairs), _PAIRS_PER_TASK)]
    return Plan(
        step=f"compare {name}",
        tasks=[Block(len(b), f"label files {b[0][0]} to {b[-1][0]}", b) for b in blocks],
        job=Job(
            f"{NAME} compare {labels.url} {context.corpus.url}",
            partial(_comparer, labels, Contents(context.corpus, context.recipe.walk)),
        ),
        merge=partial(_merge, name=name, key=key),
        engine="dask",
        seconds_per_item=0.1,
        settings={"set": name, "place": labels.url},
    )


def _pairs(context: Context, name: str, rest: NDArray[np.int64], images: ImageRows, key: int) -> list[Pair]:
    if not len(rest):
        return []
    root = context.root
    files = read_table(root, f"label_files/{name}", "path", "md5", "signature")
    rows = np.flatnonzero(images.present & (images.picture >= 0))
    signatures = np.concatenate([files["signature"][rest], images.signature[rows]])
    near = near_signature_pairs(
        signatures,
        tolerance=context.recipe.pair.signature_tolerance,
        crowd=CROWD,
        new=np.arange(len(signatures)) < len(rest),
    ).pairs
    near = near[(near[:, 0] < len(rest)) & (near[:, 1] >= len(rest))]
    done = _done(root, name, key)
    wanted = [(int(rest[a]), int(rows[b - len(rest)])) for a, b in near.tolist()]
    todo = [(row, image) for row, image in wanted if (files["md5"][row].tobytes(), image) not in done]
    sources = {source.image: source for source in sources_of(root, {image for _, image in todo})}
    return [(str(files["path"][row]), files["md5"][row].tobytes(), sources[image]) for row, image in todo]


def _done(root: zarr.Group, name: str, key: int) -> set[tuple[bytes, int]]:
    """Pairs that were compared; those that could not be read are tried again when the images have changed."""
    known = _compared(root, name)
    if not known:
        return set()
    pairs = zip(map(bytes, known["md5"]), known["image"].tolist(), known["relation"].tolist(), strict=True)
    tried = attributes_of(root, matches_table(name)).get("key") == key
    return {(md5, image) for md5, image, relation in pairs if tried or relation != _UNREADABLE}


def _comparer(labels: Corpus, contents: Contents, root: zarr.Group) -> Worker:
    @lru_cache(4)
    def label(path: str, md5: bytes) -> Copy | None:
        try:
            data = labels.read(path, max_bytes=contents.settings.max_bytes)
            return contents.copy(data) if bytes_md5(data) == md5 else None
        except ImageError:
            return None  # it has vanished meanwhile; the next run lists it anew

    @lru_cache(4)
    def image(source: Source) -> Copy | None:
        try:
            data = contents.read(source)
            return contents.copy(data)
        except ImageError:
            return None

    def relation(path: str, md5: bytes, source: Source) -> str:
        first, second = label(path, md5), image(source)
        return _UNREADABLE if first is None or second is None else compare_pictures(first, second).relation

    def worker(root: zarr.Group, task: Block) -> list[tuple[bytes, int, str]]:
        found = [(md5, source.image, relation(path, md5, source)) for path, md5, source in task.data]
        label.cache_clear()
        image.cache_clear()
        return found

    return worker


def _merge(root: zarr.Group, results: Sequence[list[tuple[bytes, int, str]]], *, name: str, key: int) -> None:
    found = [one for block in results for one in block]
    new: dict[str, NDArray[np.generic]] = {
        "md5": np.array([list(md5) for md5, _, _ in found], np.uint8).reshape(-1, 16),
        "image": np.array([image for _, image, _ in found], np.int64),
        "relation": text_array([relation for *_, relation in found]),
    }
    old = _compared(root, name)
    if old:
        old = {k: values[old["relation"] != _UNREADABLE] for k, values in old.items()}
    columns = {k: np.concatenate([old[k], new[k]]) if old else new[k] for k in new}
    write_table(
        root,
        matches_table(name),
        columns,
        attributes={"version": (VERSIONS["pair"] << 16) + VERSIONS[NAME], "key": key},
    )
