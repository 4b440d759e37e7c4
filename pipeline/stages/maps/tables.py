"""The tables of `map`: the coordinates as they are stored, and the reports' view of them."""

import numpy as np
import pyarrow as pa

from pipeline.index.schema import Column, Reported, Sources, Table
from pipeline.index.tables import hex_md5, read_table
from pipeline.stages.maps.stored import STORED, read_map


def _maps(table: Table, sources: Sources) -> Reported:
    """The pictures of all maps, one map after the other."""
    md5 = pa.array(hex_md5(read_table(sources.root, "images", "md5").get("md5", ())), pa.string())
    parts = []
    for settings in sources.recipe.map:
        found = read_map(sources.root, sources.recipe, settings)
        if found is not None:
            n = len(found.images)
            parts.append(
                {
                    "map": pa.array([settings.name] * n, pa.string()),
                    "vectors": pa.array([sources.recipe.mapped_vectors(settings)] * n, pa.string()),
                    "method": pa.array([settings.method] * n, pa.string()),
                    "image": pa.array(found.images),
                    "md5": md5.take(pa.array(found.images)),
                    "x": pa.array(found.coordinates[:, 0]),
                    "y": pa.array(found.coordinates[:, 1]),
                    "components": pa.array(np.full(n, found.coordinates.shape[1], np.int64)),
                    "placed": pa.array(~found.fitted),
                }
            )
    return {c.name: pa.chunked_array([p[c.name] for p in parts]).combine_chunks() for c in table.reported if parts}


MAPS = Table(
    "maps",
    "A row is a picture in a map, a layout of the vectors in few dimensions.",
    (
        Column("map", "text", "Name of the map."),
        Column("vectors", "text", "Name of the set of vectors."),
        Column("method", "text", "`tsne` or `umap`."),
        Column("image", "int64", "Row in the store's `images` arrays."),
        Column("md5", "text", "MD5 of the file's bytes (of a page: of its picture's), 32 hexadecimal digits."),
        Column("x", "float32", "First coordinate in the map; it has no unit."),
        Column("y", "float32", "Second coordinate."),
        Column("components", "int64", "Coordinates that the map has; the store holds all of them."),
        Column("placed", "bool", "Whether it was put among the others after they had been laid out."),
    ),
    layout="computed",
    report=_maps,
)

TABLES = (STORED, MAPS)
