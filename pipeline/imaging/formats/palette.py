"""Palette pictures: their gray values, their raw index, or their colours."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError

ANNOTATION_PALETTE_FRACTION: Final = 0.5
"""With this share of its 256 entries on the gray ramp, a palette is gray with some annotation colours."""


def apply_palette(
    index: NDArray[np.integer], table: NDArray[np.uint8], *, from_microscope: bool = False
) -> NDArray[np.generic]:
    """Resolve a palette picture.

    The first rule that holds decides:

    1. every entry is gray: the entries' gray values (for the usual ramp that is the index itself);
    2. the file has a microscope vendor's tag, or at least half of 256 entries lie on the ramp
       ``i -> (i, i, i)``: the raw index. Such files are gray pictures with some annotation colours, where the
       index is the detector's value;
    3. otherwise the colours.

    Parameters
    ----------
    index : integer [height, width]
    table : uint8 [entries, 3]
    from_microscope : bool
        The file has a microscope vendor's metadata.

    Returns
    -------
    uint8 or the index's dtype [height, width], or uint8 [height, width, 3]

    Raises
    ------
    CorruptImageError
        An index lies outside the palette, or the palette is empty.
    """
    highest = int(index.max(initial=0))
    if highest >= len(table):
        raise CorruptImageError(f"a pixel has palette index {highest} but the palette has {len(table)} entries")
    on_ramp = (table == np.arange(len(table))[:, None]).all(axis=1)
    if bool(on_ramp.all()):
        return index
    if bool((table == table[:, :1]).all()):
        return np.asarray(table[:, 0][index])
    if from_microscope or (len(table) == 256 and float(on_ramp.mean()) >= ANNOTATION_PALETTE_FRACTION):
        return index
    return np.asarray(table[index])
