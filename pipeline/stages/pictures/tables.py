"""The table of `pixels`: a square a picture, as networks see it."""

from pipeline.index.schema import Column, Table

PIXELS = Table(
    "pixels",
    "A row is a picture as networks see it.",
    (
        Column("gray", "uint8", "8-bit gray, data bar left out", shape=None, chunk_rows=16),
        Column(
            "shown_px",
            "int32",
            "width and height of what the square shows, before it was made smaller",
            shape=(2,),
        ),
    ),
    layout="images",
    report=None,
)

TABLES = (PIXELS,)
