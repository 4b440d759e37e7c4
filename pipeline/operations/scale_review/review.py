"""The review of scales: every distinct text crop once, sorted by doubt, for a person to confirm or correct."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import cv2
import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.corpus.source import Corpus
from pipeline.engine import Engines
from pipeline.errors import ImageError, StageError
from pipeline.index.store import Index
from pipeline.operations.remembered import stored_corpus, stored_recipe
from pipeline.progress import Listener
from pipeline.records import SCALE_STATUSES_WITH_VALUE
from pipeline.reporting.review_page import Review, ReviewItem, render_review
from pipeline.runtime.keys import scale_key
from pipeline.runtime.map_blocks import Errand, map_blocks
from pipeline.stages.files.contents import Contents
from pipeline.stages.files.ledger import Source, hex_md5, read_images, sources_of
from pipeline.stages.scale.answers import NO_BAR, UNDO, UNREADABLE, Answers, parse_answer, read_answers
from pipeline.stages.scale.rows import read_columns
from pipeline.stages.selection import done_rows, image_count
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location

DOUBT: Final = (
    "disagrees", "uncertain", "no_unit", "no_text", "no_segment", "metadata", "read", "agrees", "no_bar", "confirmed",
)  # fmt: skip
"""Statuses, the most doubtful first."""

PAGE: Final = "scale-review.html"
_ALONE: Final = ("disagrees", "no_text", "no_segment")  # also shown picture by picture
_SURE_FROM: Final = DOUBT.index("read")
_WIDEST_PX: Final = 440
_TALLEST_PX: Final = 240
_EXAMPLES: Final = 3
_BEARS_OUT: Final = "is the same"  # in the reason of a reading that the field width bears out
_PER_TASK: Final = 16
_SECONDS_PER_VIEW: Final = 0.05


@dataclass(frozen=True, slots=True)
class _Group:
    """A thing to judge and the pictures that hang on it, by MD5."""

    thing: str
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _View:
    """What to cut out of which picture; several sources, of which the first that can be read is taken."""

    thing: str
    sources: tuple[Source, ...]
    boxes: tuple[tuple[tuple[int, int, int, int] | None, tuple[int, int, int, int] | None, int | None], ...]


@dataclass(frozen=True, slots=True)
class ReviewWritten:
    """What was written: where, things shown, pictures behind them, and things left out."""

    place: str
    shown: int
    pictures: int
    not_shown: int
    unreadable: int


def write_review(index: Index, *, most: int, engines: Engines, listener: Listener) -> ReviewWritten:
    """Write the page of distinct crops to ``INDEX/reports/scale-review.html``.

    Parameters
    ----------
    index : Index
    most : int
        Show at most so many things, the most doubtful.
    engines, listener
        Where the pictures are read, and who is told.

    Raises
    ------
    StageError
        No scale has been read yet.
    """
    root, recipe = index.read(), stored_recipe(index)
    rows = done_rows(root, "scale", scale_key(recipe))
    if not len(rows):
        raise StageError(f"No scale has been read in {index.url}; run `semcorpus scale {index.url}` first.")
    columns = {name: values[rows] for name, values in read_columns(root, 0, image_count(root)).items() if len(values)}
    md5 = hex_md5(read_images(root).md5[rows])
    answers = read_answers(index.location)
    groups = _groups(columns, md5)
    chosen = groups[:most]
    pictures = _cut_out(root, index, [_view(root, group, rows, columns) for group in chosen], engines, listener)
    items = [_item(group, columns, answers, pictures[group.thing]) for group in chosen if group.thing in pictures]
    page = render_review(
        Review(index.url, str(root.attrs.get("corpus", "")), index.commit, items, len(groups) - len(chosen))
    )
    place = index.location.child("reports", PAGE)
    _write(place, page)
    seen = {row for group in chosen for row in group.rows}
    return ReviewWritten(place.url, len(items), len(seen), len(groups) - len(chosen), len(chosen) - len(items))


def _write(place: Location, page: str) -> None:
    with storage_failures("writing", place.url):
        if place.is_local:  # a bucket has no folders
            place.path.parent.mkdir(parents=True, exist_ok=True)
        place.filesystem().pipe_file(place.url, page.encode())


def _groups(columns: Mapping[str, NDArray[np.generic]], md5: Sequence[str]) -> list[_Group]:
    """Crops with their pictures, and single pictures that need a look of their own; the most doubtful first.

    A crop whose text is no length (a number without its unit, a mode, a detector's name) stands beside whatever each
    picture has: its pictures are asked one by one.
    """
    status, crop, text = (columns[name].tolist() for name in ("status", "crop", "text"))
    members: dict[str, list[int]] = {}
    for position in sorted(range(len(md5)), key=md5.__getitem__):
        shared = crop[position] and (not text[position] or _is_length(text[position]))
        if shared:
            members.setdefault(f"crop:{crop[position]}", []).append(position)
        if (
            status[position] == "disagrees"
            or (status[position] in _ALONE and not crop[position])
            or (crop[position] and not shared)
        ):
            members[f"image:{md5[position]}"] = [position]
    found = [_Group(thing, tuple(positions)) for thing, positions in members.items()]
    confidence = columns["confidence"]

    def doubt(group: _Group) -> tuple[int, int, float, int, str]:
        rank = min(DOUBT.index(status[position]) for position in group.rows)
        many = -len(group.rows)
        return rank, 0 if rank >= _SURE_FROM else many, float(confidence[list(group.rows)].min()), many, group.thing

    return sorted(found, key=doubt)


def _is_length(text: str) -> bool:
    try:
        return parse_answer(text, of_image=False) not in (NO_BAR, UNREADABLE, UNDO)
    except ValueError:
        return False


def _field_contradicts(columns: Mapping[str, NDArray[np.generic]], position: int) -> bool:
    """Whether a printed field width kept a reading from having a value."""
    there = int(columns["field_box"][position][0]) >= 0
    without_value = str(columns["status"][position]) not in SCALE_STATUSES_WITH_VALUE
    return bool(there and without_value and _BEARS_OUT not in str(columns["reason"][position]))


def _view(
    root: zarr.Group, group: _Group, rows: NDArray[np.int64], columns: Mapping[str, NDArray[np.generic]]
) -> _View:
    positions = group.rows[:_EXAMPLES]
    sources = {source.image: source for source in sources_of(root, [int(rows[p]) for p in positions])}
    there = [position for position in positions if int(rows[position]) in sources]
    boxes = tuple(
        (
            _box(columns["segment_box"][p]),
            _box(columns["text_box"][p]),
            int(columns["bar_top_px"][p]) if columns["bar_top_px"][p] >= 0 else None,
        )
        for p in there
    )
    return _View(group.thing, tuple(sources[int(rows[p])] for p in there), boxes)


def _box(values: NDArray[np.int64]) -> tuple[int, int, int, int] | None:
    x, y, width, height = (int(value) for value in values)
    return (x, y, width, height) if x >= 0 else None


def _cut_out(
    root: zarr.Group, index: Index, views: Sequence[_View], engines: Engines, listener: Listener
) -> dict[str, "_Cut"]:
    recipe = stored_recipe(index)
    corpus = Corpus(stored_corpus(index), recipe.corpus)
    corpus.check()
    errand = Errand(
        "review",
        "Cutting crops out of the pictures",
        per_task=_PER_TASK,
        seconds_per_item=_SECONDS_PER_VIEW,
        retries=recipe.run.retries,
        commit=index.commit,
    )
    cut = partial(_cut_block, contents=Contents(corpus, recipe.walk))
    blocks = map_blocks(cut, views, errand, engines=engines, listener=listener, skipped=lambda block: block.unreadable)
    return {thing: view for block in blocks for thing, view in block.cuts.items()}


@dataclass(frozen=True, slots=True)
class _Cut:
    """A piece of a picture as WebP, its size, its width in the picture's own pixels, and the boxes of segment and text
    in it as shares of its size.
    """

    data: bytes
    size: tuple[int, int]
    width_px: int
    segment: tuple[float, float, float, float] | None
    text: tuple[float, float, float, float] | None
    path: str
    md5: str


@dataclass(frozen=True, slots=True)
class _Cuts:
    """What was cut out of a block's pictures, by thing, and the number of things without a picture to read."""

    cuts: Mapping[str, _Cut]
    unreadable: int


def _cut_block(block: Sequence[_View], *, contents: Contents) -> _Cuts:
    found = {}
    for view in block:
        for source, (segment, text, top) in zip(view.sources, view.boxes, strict=True):
            try:
                gray = contents.gray(source)
            except ImageError:
                continue
            found[view.thing] = _cut(gray, source, segment, text, top)
            break
    return _Cuts(found, len(block) - len(found))


def _cut(
    gray: NDArray[np.uint8],
    source: Source,
    segment: tuple[int, int, int, int] | None,
    text: tuple[int, int, int, int] | None,
    top: int | None,
) -> _Cut:
    x0, y0, x1, y1 = _frame(gray.shape, segment, text, top)
    piece = gray[y0:y1, x0:x1]
    factor = min(1.0, _WIDEST_PX / piece.shape[1], _TALLEST_PX / piece.shape[0])
    size = (max(1, round(piece.shape[1] * factor)), max(1, round(piece.shape[0] * factor)))
    small = cv2.resize(piece, size, interpolation=cv2.INTER_AREA) if factor < 1 else piece
    _, encoded = cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, 80])

    def share(box: tuple[int, int, int, int] | None) -> tuple[float, float, float, float] | None:
        if box is None:
            return None
        x, y, width, height = box
        return (x - x0) / (x1 - x0), (y - y0) / (y1 - y0), width / (x1 - x0), height / (y1 - y0)

    return _Cut(encoded.tobytes(), size, x1 - x0, share(segment), share(text), source.path, source.md5.hex())


def _frame(
    shape: tuple[int, ...],
    segment: tuple[int, int, int, int] | None,
    text: tuple[int, int, int, int] | None,
    top: int | None,
) -> tuple[int, int, int, int]:
    """What to cut out, as (left, top, right, bottom): bar and label with some air; else the stripe; else all."""
    height, width = shape[:2]
    boxes = [box for box in (segment, text) if box is not None]
    if not boxes:
        return 0, top if top is not None and top < height else 0, width, height
    air = 14 + max(box[3] for box in boxes) // 2
    left, upper = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, lower = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return max(0, left - air), max(0, upper - air), min(width, right + air), min(height, lower + air)


def _item(group: _Group, columns: Mapping[str, NDArray[np.generic]], answers: Answers, cut: _Cut) -> ReviewItem:
    positions = list(group.rows)
    statuses = columns["status"][positions].tolist()
    worst = min(positions, key=lambda position: DOUBT.index(str(columns["status"][position])))
    given = answers.given(group.thing)
    return ReviewItem(
        thing=group.thing,
        images=len(positions),
        statuses={word: statuses.count(word) for word in DOUBT if word in statuses},
        text=str(columns["text"][worst]),
        confidence=float(columns["confidence"][worst]),
        reason=str(columns["reason"][worst]),
        bar_length_px=_number(columns["bar_length_px"][worst]),
        nm_per_px=_number(columns["nm_per_px"][worst]),
        metadata_nm_per_px=_number(columns["metadata_nm_per_px"][worst]),
        answer=given.text if given is not None else "",
        picture="data:image/webp;base64," + base64.b64encode(cut.data).decode(),
        size=cut.size,
        width_px=cut.width_px,
        blocked=any(_field_contradicts(columns, position) for position in positions),
        segment=cut.segment,
        label=cut.text,
        path=cut.path,
        md5=cut.md5,
    )


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
