"""Names of the axes of stored arrays, and units, so that xarray opens every group.

``image`` is a row an image (or one of those that the array ``images`` beside it names), ``row`` a row of another
table, ``feature`` a value of a vector, ``neighbour`` a rank among neighbours.
"""

from collections.abc import Collection
from typing import Final

_AXES: Final = {
    "vectors": ("feature",),
    "indices": ("neighbour",),
    "distances": ("neighbour",),
    "distances_sq": ("neighbour",),
    "labels": ("clustering",),
    "md5": ("byte",),
    "pixel_md5": ("byte",),
    "crop": ("byte",),
    "signature": ("signature",),
    "square": ("square",),
    "gray": ("y", "x"),
    "shown_px": ("side",),
    "segment_box": ("box",),
    "text_box": ("box",),
    "field_box": ("box",),
}
"""Axes after the first, by the name of the array."""

_UNITS: Final = (
    ("nm_per_px", "nm/px"),
    ("_px", "px"),
    ("_nm", "nm"),
    ("_bytes", "byte"),
    ("_ns", "ns"),
    ("seconds", "s"),
)


def dimension_names(first: str, name: str, n_dims: int) -> tuple[str, ...]:
    """The names of an array's axes, of which ``first`` is the first; an array that is not known has names of its own.

    Examples
    --------
    >>> dimension_names("image", "vectors", 2), dimension_names("row", "matrix", 3)
    (('image', 'feature'), ('row', 'matrix_1', 'matrix_2'))
    """
    known = _AXES.get(name, ())
    others = known if len(known) == n_dims - 1 else tuple(f"{name}_{axis}" for axis in range(1, n_dims))
    return (first, *others)


def model_dimensions(name: str, n_dims: int) -> tuple[str, ...]:
    """The names of the axes of an array that belongs to a model: of no other array's length, centres apart.

    Examples
    --------
    >>> model_dimensions("centers_12", 2), model_dimensions("linkage_matrix", 2)
    (('cluster_12', 'feature'), ('linkage_matrix_0', 'linkage_matrix_1'))
    """
    if name.startswith("centers_") and n_dims == 2:
        return (f"cluster_{name.removeprefix('centers_')}", "feature")
    return tuple(f"{name}_{axis}" for axis in range(n_dims))


def first_axis(columns: Collection[str], table: str) -> str:
    """What the rows of a table of these columns are: ``image``, or ``row`` where it is not a row an image."""
    return "image" if table == "images" or "images" in columns else "row"


def unit_of(name: str) -> str:
    """The unit that a name states; empty where it states none.

    Examples
    --------
    >>> unit_of("size_bytes"), unit_of("metadata_nm_per_px"), unit_of("status")
    ('byte', 'nm/px', '')
    """
    return next((unit for ending, unit in _UNITS if name.endswith(ending)), "")
