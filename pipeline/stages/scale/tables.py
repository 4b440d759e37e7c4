"""The tables of `scale`: a row a picture in ``scale/``, and the readings of distinct crops of labels."""

from typing import Any, Final

import numpy as np

from pipeline.index.rows import read_slice
from pipeline.index.schema import Column, Reported, Sources, Table
from pipeline.index.tables import read_table
from pipeline.runtime.keys import scale_key
from pipeline.stages.selection import done_rows

_NAN: Final = float("nan")
_BOX: Final = (4,)


def _done(table: Table, sources: Sources) -> Reported:
    """The pictures that have a reading under the recipe's settings."""
    root = sources.root
    if table.place not in root:
        return {}
    rows = done_rows(root, table.place, scale_key(sources.recipe))
    stored = read_table(root, table.place)
    found: dict[str, object] = {name: values[rows] for name, values in stored.items()}
    return found | {"image": rows, "md5": read_table(root, "images", "md5")["md5"][rows]}


def _shown(table: Table, sources: Sources, picture: int) -> dict[str, object]:
    """All that is stored of the picture's reading; what has no value is None."""
    root = sources.root
    if table.place not in root or picture not in done_rows(root, table.place, scale_key(sources.recipe)):
        return {}
    stored = read_slice(root, table.place, picture, picture + 1)
    return {column.name: _plain(column, stored[column.name][0]) for column in table.stored if column.name in stored}


def _plain(column: Column, value: Any) -> object:
    if column.kind == "text":
        return str(value)
    if column.shape:
        return value.tolist() if value[0] >= 0 else None
    plain = value.item()
    return None if np.isnan(plain) or plain == column.fill else plain


READING = (
    Column(
        "status",
        "text",
        "`read` (from the bar), `metadata` (no bar), `agrees` (both), `confirmed` (by a person); without a value: "
        "`disagrees`, `uncertain`, `no_bar`, `no_segment`, `no_text`, `no_unit`.",
    ),
    Column("source", "text", "`bar`, `metadata`, `both`, `person`, or empty."),
    Column("text", "text", "The bar's label as it was read."),
    Column("scale_nm", "float64", "The length in nanometres that the label states.", "nm", fill=_NAN),
    Column("bar_length_px", "float64", "Length of the scale's segment in pixels.", "px", fill=_NAN),
    Column("nm_per_px", "float64", "Nanometres a pixel; null unless the status carries a value.", "nm/px", fill=_NAN),
    Column(
        "metadata_nm_per_px",
        "float64",
        "Nanometres a pixel as the vendor's metadata states them.",
        "nm/px",
        fill=_NAN,
    ),
    Column("confidence", "float64", "0 to 1."),
    Column("reason", "text", "What the value rests on, or why there is none."),
    Column(
        "bar_top_px",
        "int64",
        "First row of the data bar where it closes the picture at the bottom; -1 without.",
        "px",
        fill=-1,
        reported=False,
    ),
    Column("segment_box", "int64", "x, y, width and height.", "px", shape=_BOX, fill=-1, reported=False),
    Column("text_box", "int64", "x, y, width and height.", "px", shape=_BOX, fill=-1, reported=False),
    Column(
        "crop",
        "text",
        "Digest of the label's pixels: pictures with the same have one reading, and one answer in the review.",
    ),
    Column(
        "field_box",
        "int64",
        "x, y, width and height of the printed field width.",
        "px",
        shape=_BOX,
        fill=-1,
        reported=False,
    ),
    Column("rule", "text", "The rule that decided: the one that objects, or what the value rests on."),
    Column(
        "nm_per_px_y",
        "float64",
        "Nanometres a pixel downwards, where metadata state more than 1% another than `nm_per_px`.",
        "nm/px",
        fill=_NAN,
    ),
)
"""What the reader found: the fields of a `ScaleReading`."""

SCALES = Table(
    "scales",
    "A row is a picture whose scale was looked for.",
    (
        Column("image", "int64", "Row in the store's `images` arrays.", stored=False),
        Column(
            "md5",
            "md5",
            "MD5 of the file's bytes (of a page: of its picture's), 32 hexadecimal digits.",
            stored=False,
        ),
        *READING,
        Column("sidecar", "text", "MD5 of the text file beside the picture.", reported=False),
        Column("answer", "text", "Which person's answer was applied; empty for none.", reported=False),
        Column("machine", "text", "What the answer replaced, as JSON.", reported=False),
    ),
    layout="images",
    group="scale",
    report=_done,
    show=_shown,
)

LABEL_CROPS = Table(
    "label_crops",
    "A row is a distinct crop of a label, with its reading.",
    (
        Column("crop", "md5", "Digest of its pixels."),
        Column("reading", "text", "As JSON."),
    ),
    report=None,
)

TABLES = (SCALES, LABEL_CROPS)
