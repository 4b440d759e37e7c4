"""labels: match label sets to pictures by content, and count repeats and contradictions.

A set is a folder with a folder per class (nested folders make a path, ``Fibres/bundle``) or a CSV file with a column
for the file and one for the label. Files are matched by their MD5, then by the MD5 of their pixels, then as
re-encodings (`pipeline.stages.labels.matches`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.config.recipe import WalkSettings
from pipeline.corpus.source import Corpus
from pipeline.errors import ImageError, NotJudgedError
from pipeline.imaging.canonical import SIGNATURE_SHAPE
from pipeline.imaging.isolation.decoding import run_isolated
from pipeline.imaging.summary import PictureSummary, summarise_picture
from pipeline.index.arrays import attributes_of
from pipeline.index.tables import column_of, read_table, table_length, write_table
from pipeline.runtime.keys import content_key, stage_key
from pipeline.runtime.plan import Block, Context, Done, Job, Plan, Stage, Worker
from pipeline.stage_list import VERSIONS
from pipeline.stages.files.contents import walk_limits
from pipeline.stages.files.ledger import bytes_md5, read_images, text_array
from pipeline.stages.labels.listing import LabelledFile, Walked, few_matches, list_label_set
from pipeline.stages.labels.matches import (
    content_lookup,
    known_matches,
    left_over,
    match_files,
    matches_key,
    plan_matches,
)
from pipeline.stages.labels.tables import PREDICTED_BY, TABLES

NAME = "labels"

NO_MD5 = bytes(16)
NO_SIGNATURE = bytes(SIGNATURE_SHAPE[0] * SIGNATURE_SHAPE[1])

_FILES_PER_TASK = 64


def files_table(name: str) -> str:
    """Group of the table that holds a set's files and their digests."""
    return f"label_files/{name}"


def set_table(name: str) -> str:
    """Group of the table that holds a set's labels by picture."""
    return f"labels/{name}"


def contradictions_table(name: str) -> str:
    """Group of the table of a set's files whose picture or content has another label, too."""
    return f"contradictions/{name}"


def plan(context: Context) -> Plan | None:
    """Digest the label files that are new; then match, whenever files or images have changed."""
    images = read_images(context.root)
    walked = Walked(context.root)
    open_cases: list[Plan] = []
    sets = sorted(context.recipe.labels.sets.items())
    if not sets:
        return None
    pictures = content_key(images.md5, images.picture, images.pixel_md5, images.present, images.signature)
    for name, place in sets:
        corpus, listed = list_label_set(place, walked)
        known = _known_files(context.root, name)
        missing = _missing(listed, known)
        if missing:
            return _digesting(context.recipe.walk, name, name, corpus, listed, missing)
        predicted_by = next((file.predicted_by for file in listed), "")
        key = stage_key(
            NAME,
            {"signature_tolerance": context.recipe.pair.signature_tolerance}
            | ({"predicted_by": predicted_by} if predicted_by else {}),
            pictures,
            content_key(*(known[column] for column in sorted(known))),
            matches_key(context.root, name),
        )
        counts = attributes_of(context.root, set_table(name))
        if counts.get("key") != key:
            rest = left_over(known, content_lookup(images))
            comparing = plan_matches(context, name, corpus, rest)
            if comparing is not None:
                return comparing
            return Plan(
                step=f"match {name}",
                tasks=(),
                job=Job(NAME, _nothing),
                merge=partial(_match, name=name, key=key, predicted_by=predicted_by),
                settings={"set": name, "place": place},
            )
        if warning := few_matches(name, place, counts, listed, walked):
            context.notes.append(warning)
        if again := _not_judged(listed, known):
            open_cases.append(_digesting(context.recipe.walk, f"{name} once more", name, corpus, listed, again))
    return open_cases[0] if open_cases else None


def _nothing(root: zarr.Group) -> Worker:
    raise AssertionError("this step has no tasks")


def _known_files(root: zarr.Group, name: str) -> dict[str, NDArray[np.generic]]:
    """The set's files that were digested; none where an older version has left them."""
    table = files_table(name)
    if attributes_of(root, table).get("version") != VERSIONS[NAME]:
        return {}
    return read_table(root, table)


Identity = tuple[str, str, int, int, str, int]

_IDENTITY = ("path", "label", "size_bytes", "modified_ns", "given_md5", "occurrence")


def _identity(file: LabelledFile) -> Identity:
    return file.entry.path, file.label, file.entry.size_bytes, file.entry.modified_ns, file.md5, file.occurrence


def _missing(listed: Sequence[LabelledFile], known: dict[str, NDArray[np.generic]]) -> list[LabelledFile]:
    """Files to digest; the whole list stands for a set from which files have gone."""
    if not known:
        return list(listed)
    columns = (known[name].tolist() for name in _IDENTITY)
    done: set[Identity] = set(zip(*columns, strict=True))
    missing = [file for file in listed if _identity(file) not in done]
    if not missing and len(done) != len({_identity(file) for file in listed}):
        return list(listed)
    return missing


def _not_judged(listed: Sequence[LabelledFile], known: dict[str, NDArray[np.generic]]) -> list[LabelledFile]:
    """Files that the machine kept from being digested."""
    rows = np.flatnonzero(~column_of(known, "judged", np.bool_))
    waiting: set[Identity] = set(zip(*(known[name][rows].tolist() for name in _IDENTITY), strict=True))
    return [file for file in listed if _identity(file) in waiting] if waiting else []


@dataclass(frozen=True, slots=True)
class LabelDigest:
    """What became of a file of a set: MD5s of its bytes and pixels and its signature, or the reason why not.

    ``judged`` is false where that reason is the machine's.
    """

    file: LabelledFile
    md5: bytes = NO_MD5
    pixel_md5: bytes = NO_MD5
    signature: bytes = NO_SIGNATURE
    reason: str = ""
    judged: bool = True


def _digesting(
    limits: WalkSettings,
    what: str,
    name: str,
    corpus: Corpus,
    listed: Sequence[LabelledFile],
    missing: Sequence[LabelledFile],
) -> Plan:
    blocks = [tuple(missing[start : start + _FILES_PER_TASK]) for start in range(0, len(missing), _FILES_PER_TASK)]
    tasks = [Block(len(b), f"label files {b[0].entry.path} to {b[-1].entry.path}", b) for b in blocks]
    return Plan(
        step=f"digest {what}",
        tasks=tasks,
        job=Job(f"{NAME} {corpus.url} {stage_key(NAME, limits.model_dump())}", partial(_digester, corpus, limits)),
        merge=partial(_merge_files, name=name, listed=frozenset(_identity(file) for file in listed)),
        engine="dask",
        seconds_per_item=0.02,
        settings={"set": name, "place": corpus.url},
    )


def _digester(corpus: Corpus, settings: WalkSettings, _: zarr.Group) -> Worker:
    summarise = partial(summarise_picture, max_pixels=settings.max_pixels)

    def worker(root: zarr.Group, task: Block) -> list[LabelDigest]:
        return [_digest(corpus, file, summarise, settings) for file in task.data]

    return worker


def _digest(
    corpus: Corpus, file: LabelledFile, summarise: Callable[[bytes], PictureSummary], settings: WalkSettings
) -> LabelDigest:
    if file.md5:
        return LabelDigest(file, bytes.fromhex(file.md5) if _is_md5(file.md5) else NO_MD5)
    md5 = NO_MD5
    try:
        data = corpus.read(file.entry.path, max_bytes=settings.max_bytes)
        md5 = bytes_md5(data)
        picture = run_isolated(summarise, data, limits=walk_limits(settings))
        return LabelDigest(file, md5, picture.pixel_md5, picture.signature)
    except ImageError as error:
        return LabelDigest(file, md5, reason=str(error), judged=not isinstance(error, NotJudgedError))


def _is_md5(text: str) -> bool:
    return len(text) == 32 and all(c in "0123456789abcdef" for c in text)


def _merge_files(
    root: zarr.Group, results: Sequence[list[LabelDigest]], *, name: str, listed: frozenset[Identity]
) -> None:
    """Add digests to the set's files, and drop the files that are no longer listed."""
    found = [digest for block in results for digest in block]
    new: dict[str, NDArray[np.generic]] = {
        "path": text_array([d.file.entry.path for d in found]),
        "label": text_array([d.file.label for d in found]),
        "size_bytes": np.array([d.file.entry.size_bytes for d in found], np.int64),
        "modified_ns": np.array([d.file.entry.modified_ns for d in found], np.int64),
        "given_md5": text_array([d.file.md5 for d in found]),
        "occurrence": np.array([d.file.occurrence for d in found], np.int64),
        "md5": _bytes_column([d.md5 for d in found], 16),
        "pixel_md5": _bytes_column([d.pixel_md5 for d in found], 16),
        "signature": _bytes_column([d.signature for d in found], len(NO_SIGNATURE)),
        "reason": text_array([d.reason for d in found]),
        "judged": np.array([d.judged for d in found], bool),
    }
    old = _known_files(root, name)
    merged = {k: np.concatenate([new[k], old[k]]) if old else new[k] for k in new}
    identities: list[Identity] = list(zip(*(merged[k].tolist() for k in _IDENTITY), strict=True))
    first = {identity: row for row, identity in reversed(list(enumerate(identities)))}
    keep = sorted((row for identity, row in first.items() if identity in listed), key=lambda row: identities[row])
    columns = {k: values[keep] for k, values in merged.items()}
    write_table(root, files_table(name), columns, attributes={"version": VERSIONS[NAME]})


def _bytes_column(values: Sequence[bytes], length: int) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(values), np.uint8).reshape(-1, length).copy()


def _match(root: zarr.Group, results: Sequence[object], *, name: str, key: int, predicted_by: str) -> None:
    """Write the labels of pictures, those of contradictory contents, and the counts of the set as attributes."""
    files = read_table(root, files_table(name))
    images = read_images(root)
    found = match_files(files, content_lookup(images), known_matches(root, name, images.present))
    picture = [int(images.picture[row]) if row is not None else -1 for row in found.images]
    labels: dict[int | bytes, set[str]] = {}
    for content, group, label in zip(found.contents, picture, files["label"].tolist(), strict=True):
        if content is not None:
            labels.setdefault(content if group < 0 else group, set()).add(label)
    pictures = sorted(group for group in labels if isinstance(group, int))
    columns: dict[str, NDArray[np.generic]] = {
        "images": np.array(pictures, np.int64),
        "label": text_array(["; ".join(sorted(labels[row])) for row in pictures]),
        "contradictory": np.array([len(labels[row]) > 1 for row in pictures], bool),
    }
    counts = found.counts() | {"contradictory": sum(len(named) > 1 for named in labels.values())}
    about = counts | ({PREDICTED_BY.name: predicted_by} if predicted_by else {})
    write_table(root, set_table(name), columns, attributes={"key": key, **about})
    contradicting = [
        content is not None and len(labels[content if group < 0 else group]) > 1
        for content, group in zip(found.contents, picture, strict=True)
    ]
    write_table(
        root,
        contradictions_table(name),
        {
            "image": np.array(picture, np.int64)[contradicting],
            "path": files["path"][contradicting],
            "label": files["label"][contradicting],
            "md5": files["md5"][contradicting],
        },
    )


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    for name in sorted(recipe.labels.sets):
        yield Done(name, table_length(root, set_table(name)), 0, step=f"match {name}")


STAGE = Stage(NAME, plan, TABLES, _status)
