"""A sample of scale readings with the whole foot of each picture and what was found in it drawn in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.records import SCALE_STATUSES_WITH_VALUE, ScaleReading
from pipeline.reporting.album import Thumbnails, jpeg_uri
from pipeline.reporting.columns import Tables, filled, integers, numbers, texts
from pipeline.reporting.facts import length

Readings = Callable[[Sequence[int]], Mapping[int, ScaleReading]]
Box = tuple[int, int, int, int]

MAX_READINGS = 24
_WIDEST_PX = 800
_TALLEST_SHARE = 0.5  # of the picture's height, for a foot


@dataclass(frozen=True, slots=True)
class Frame:
    """A box drawn into a foot: its name (`segment`, `label`, `field`) and its place in percent of width and height."""

    name: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Foot:
    """The lower part of a picture as a data URI, with the boxes of what was read in it."""

    uri: str
    whole: bool
    frames: list[Frame]


@dataclass(frozen=True, slots=True)
class ShownReading:
    """One reading in words, and its foot where the file could be read."""

    image: int
    status: str
    text: str
    good: bool
    foot: Foot | None


def scale_readings(tables: Tables, originals: Thumbnails, readings: Readings) -> list[ShownReading]:
    """Return a sample of scale readings: every status in turn, an even choice by MD5 within each.

    Parameters
    ----------
    tables : mapping of str to pyarrow.Table
    originals : callable
        Takes image rows, returns the whole gray pictures of those that can be read.
    readings : callable
        Takes image rows, returns their readings with boxes in pixels of the whole picture.
    """
    table = filled(tables, "scales")
    if table is None:
        return []
    status, md5 = texts(table, "status"), texts(table, "md5")
    rows_of: dict[str, list[int]] = {}
    for row in sorted(range(table.num_rows), key=lambda row: (md5[row], row)):
        rows_of.setdefault(status[row], []).append(row)
    queues = [rows_of[word] for word in sorted(rows_of, key=lambda word: word not in SCALE_STATUSES_WITH_VALUE)]
    chosen = [queue[rank] for rank in range(MAX_READINGS) for queue in queues if rank < len(queue)]
    table = table.take(pa.array(sorted(chosen[:MAX_READINGS], key=lambda row: status[row]), pa.int64()))
    images = integers(table, "image").tolist()
    known = readings(images)
    lines = _lines(table)
    shown = []
    for image, word, line in zip(images, texts(table, "status"), lines, strict=True):
        pixels = originals([image]).get(image) if image in known else None
        foot = draw_foot(pixels, known[image]) if pixels is not None else None
        shown.append(ShownReading(image, word.replace("_", " "), line, word in SCALE_STATUSES_WITH_VALUE, foot))
    return shown


def _lines(table: pa.Table) -> list[str]:
    lines = []
    columns = (
        texts(table, "status"), texts(table, "text"), numbers(table, "bar_length_px"), numbers(table, "nm_per_px"),
        numbers(table, "metadata_nm_per_px"), texts(table, "reason"),
    )  # fmt: skip
    for status, text, bar, size, metadata, reason in zip(*columns, strict=True):
        parts = [f"{length(size)} a pixel" if np.isfinite(size) else "no value"]
        parts += [f"bar {text}" if text else "", f"{bar:,.0f} px long" if np.isfinite(bar) else ""]
        parts += [f"metadata {length(metadata)} a pixel" if np.isfinite(metadata) else ""]
        # Where there is a value the numbers say enough; where there is none, the reason is what one looks for.
        why = "" if status in SCALE_STATUSES_WITH_VALUE or not reason else f": {reason}"
        lines.append(", ".join(part for part in parts if part) + why)
    return lines


def draw_foot(gray: NDArray[np.uint8], reading: ScaleReading) -> Foot:
    """Cut the foot out of a picture: its data bar, at least all that was read; the whole picture where nothing was.

    Parameters
    ----------
    gray : uint8 [height, width]
        The whole picture.
    reading : ScaleReading
        Boxes in its pixels.
    """
    height, width = gray.shape
    boxes = {"segment": reading.segment_box, "label": reading.text_box, "field": reading.field_box}
    there = {name: box for name, box in boxes.items() if box is not None}
    tops = [box[1] for box in there.values()]
    air = 8 + max((box[3] for box in there.values()), default=0)
    stripe = [] if reading.bar_top_px is None else [reading.bar_top_px]
    top = min([*stripe, *(max(0, y - air) for y in tops)], default=0)
    bottom = height
    if not stripe and there:  # print in the picture itself, which may stand far from its lower end
        bottom = min(height, max(box[1] + box[3] for box in there.values()) + air)
    if not 0 <= top < bottom:
        top, bottom = 0, height
    whole = bottom - top > _TALLEST_SHARE * height and not there
    frames = [
        Frame(
            name,
            100 * x / width,
            100 * (y - top) / (bottom - top),
            100 * max(1, w) / width,
            100 * max(1, h) / (bottom - top),
        )
        for name, (x, y, w, h) in there.items()
    ]
    return Foot(jpeg_uri(gray[top:bottom], longest_edge=_WIDEST_PX if not whole else 240), whole, frames)
