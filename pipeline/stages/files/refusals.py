"""Files that a limit of the walk refuses, and which of them a raised limit judges again."""

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config.recipe import WalkSettings
from pipeline.errors import ImageError, ImageTooLargeError
from pipeline.index.tables import read_table, table_length
from pipeline.stages.files.ledger import FILES

COLUMN = "limit"
"""Column of the ledger: the setting that has refused a file, and its value then; empty for all others."""

_REFUSED = ImageTooLargeError.status
_NO_SETTING = "fixed"


def refused_by(error: ImageError, settings: WalkSettings) -> str:
    """What the ledger keeps of the limit that an error is about; empty for an error that is about none.

    Examples
    --------
    >>> refused_by(ImageTooLargeError("3,600 million pixels"), WalkSettings())
    'max_pixels=400000000'
    """
    if not isinstance(error, ImageTooLargeError):
        return ""
    return f"{error.limit}={getattr(settings, error.limit)!r}" if error.limit else _NO_SETTING


def read_limits(root: zarr.Group) -> NDArray[np.generic]:
    """The ledger's column; empty texts where an older version has kept none."""
    if f"{FILES}/{COLUMN}" in root:
        return read_table(root, FILES, COLUMN)[COLUMN]
    return np.full(table_length(root, FILES), "", object)


def refused_by_less(
    status: NDArray[np.generic], limits: NDArray[np.generic], settings: WalkSettings
) -> NDArray[np.bool_]:
    """Which files, bool [n], were refused by a limit that is higher now, or by one that nobody has noted."""
    found = np.asarray(status == _REFUSED, bool)
    may_pass = {text: _is_higher(str(text), settings) for text in set(limits[found].tolist())}
    found[found] = [may_pass[text] for text in limits[found].tolist()]
    return found


def _is_higher(noted: str, settings: WalkSettings) -> bool:
    name, _, before = noted.partition("=")
    return noted != _NO_SETTING and (not before or float(getattr(settings, name)) > float(before))
