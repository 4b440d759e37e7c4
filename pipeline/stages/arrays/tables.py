"""The table of `arrays`: which arrays the containers hold."""

from pipeline.index.schema import Column, Table

ARRAYS = Table(
    "arrays",
    "A row is an array of a container.",
    (
        Column("path", "text", "Path of the container, as in `files`.", of="path"),
        Column("array", "text", "Name of the array in it."),
        Column("rows", "int64", "Its rows, each a row of `files` and of `images`."),
        Column("width", "int64", "Numbers in a row."),
        Column("kind", "text", "Type of a number and shape of a row, `float32 (156,)`."),
    ),
)

TABLES = (ARRAYS,)
