"""The rows of a picture that show no print: what is left of it where no data bar, setting or name may be seen."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.recognition.text import network_reader
from pipeline.imaging.scale.recognition.text_detection import LOOKS, Box, text_detector

_LEAST_KEPT: Final = 0.5
"""Where less of a picture is left, what was taken for a foot is none."""

_SURE_OF_PRINT: Final = 0.5
_FOOT, _HEAD = 0.7, 0.2
_MARGIN: Final = 0.6
_LONGEST: Final = 12.0


@dataclass(frozen=True, slots=True)
class CleanRows:
    """Rows ``first`` to ``last`` (exclusive) of a picture, and whether no print was seen in them."""

    first: int
    last: int
    is_sure: bool


def clean_rows(gray: NDArray[np.uint8], bar_top_px: int) -> CleanRows:
    """Cut a picture's foot and head off, and look whether there is print in the rest.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    bar_top_px : int
        First row of the data bar where one was found for certain; -1 where none was.

    Returns
    -------
    CleanRows
        Print in the lower 30% is cut off with all that is below it, print in the upper 20% with all that is above. It
        is not sure where print is left between, or where less than half of the picture would be.

    Notes
    -----
    0.1 to 0.4 s of CPU: text is looked for all over the picture.
    """
    height = gray.shape[0]
    first, last = 0, bar_top_px if bar_top_px >= _LEAST_KEPT * height else height
    printed = _print_in(np.ascontiguousarray(gray[:last]))
    for _, y, _, tall in printed:
        margin = round(_MARGIN * tall)
        if y >= _FOOT * height:
            last = min(last, y - margin)
        elif y + tall <= _HEAD * height:
            first = max(first, y + tall + margin)
    is_sure = not any(first < y + tall and y < last for _, y, _, tall in printed)
    if last - first < _LEAST_KEPT * height:
        return CleanRows(0, height, is_sure=False)
    return CleanRows(first, last, is_sure)


def _print_in(gray: NDArray[np.uint8]) -> list[Box]:
    """The boxes of what is read as two letters or more, or is too long to be texture."""
    found = []
    for look in LOOKS:
        for x, y, width, height in text_detector().boxes(gray, look):
            candidates = network_reader().read(np.ascontiguousarray(gray[y : y + height, x : x + width]))
            is_read = bool(candidates) and candidates[0].confidence >= _SURE_OF_PRINT
            letters = len(re.findall(r"\w", candidates[0].text)) if candidates else 0
            if letters >= 2 and (is_read or width > _LONGEST * height):
                found.append((x, y, width, height))
    return found
