"""A second crop of a label that could not be read for certain: with the print that is too pale for its ink mask.

The first crop (`pipeline.imaging.label_text.text_crop`) hides all that is not right beside the ink, so that a specimen
does not pass for letters. Thin strokes of small letters are paler than the mask's level and go with it: a 2 without its
neck, an n without its arch. Here the ground's own levels are taken off instead, and what rises above them stays.
"""

import re
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.label_evidence import LIKE_A_LENGTH, LabelReading
from pipeline.imaging.label_memory import LabelMemory
from pipeline.imaging.label_text import PAD_PX

_BESIDE_PX: Final = 1
_GROUND_SHARE: Final = 0.8
"""What four fifths of the ground do not reach is print; at a half or nineteen twentieths as many labels were read."""

_LETTER_EDGE_PX: Final = 2
_LEAST_GROUND: Final = 20

Asked = tuple[str, LabelReading]
"""The digest of a crop, and what was read there."""


def read_again(
    gray: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    ink: NDArray[np.uint8],
    first: Asked,
    memory: LabelMemory,
) -> tuple[Asked, ...]:
    """Read a label's `faint_crop` where the first crop of it looks like a length but is not certain.

    Parameters
    ----------
    gray, box, ink
        See `faint_crop`.
    first : (str, LabelReading)
        The first crop's.
    memory : LabelMemory

    Returns
    -------
    tuple of (str, LabelReading)
        All crops that were read, that which counts last. That is the second one if it is certain and there is no sign
        of a lost point: one that the first crop shows, a space between its digits, or shapes that speak of one in
        either crop.
    """
    reading = first[1]
    if reading.is_certain or not (reading.value is not None or LIKE_A_LENGTH.search(reading.text)):
        return (first,)
    digest, again = memory.read(faint_crop(gray, box, ink))
    lost = again.point_in_doubt or _points(again.text) < _points(reading.text)
    lost = lost or (reading.point_in_doubt and again.on_readers_alone)
    return (first, (digest, again)) if again.is_certain and not lost else ((digest, again), first)


def faint_crop(gray: NDArray[np.uint8], box: tuple[int, int, int, int], ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut a text out with its faint strokes, dark on white, with `pipeline.imaging.label_text.PAD_PX` of white around.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    box : (x, y, width, height)
        Tight box of the text's ink, inside the picture; a pixel more is cut on each side that has one.
    ink : uint8 ndarray, [box height, box width]
        1 where there is ink.

    Returns
    -------
    uint8 ndarray
        White is the level that four fifths of the ground, two pixels or more from the ink, do not pass towards the
        ink's; black what is furthest from it.
    """
    x, y, width, height = box
    left, top = min(x, _BESIDE_PX), min(y, _BESIDE_PX)
    cut = gray[y - top : y + height + _BESIDE_PX, x - left : x + width + _BESIDE_PX].astype(np.int16)
    inked = np.zeros(cut.shape, np.uint8)
    inked[top : top + height, left : left + width] = ink
    reach = 2 * _LETTER_EDGE_PX + 1
    ground = cut[cv2.dilate(inked, np.ones((reach, reach), np.uint8)) == 0]
    ground = ground if ground.size >= _LEAST_GROUND else cut[inked == 0]
    if not ground.size or not inked.any():
        return np.full((cut.shape[0] + 2 * PAD_PX, cut.shape[1] + 2 * PAD_PX), 255, np.uint8)
    middle = float(np.median(ground))
    sign = 1 if np.median(cut[inked > 0]) > middle else -1
    paper = np.quantile(sign * (ground - middle), _GROUND_SHARE)
    darkness = np.maximum(sign * (cut - middle) - max(0.0, float(paper)), 0.0)
    page = np.rint(255.0 - darkness * (255.0 / max(1.0, float(darkness.max()))))
    return np.pad(page.astype(np.uint8), PAD_PX, constant_values=255)


def _points(text: str) -> int:
    """How many points there are between digits, or spaces: readers see one where a point is too pale for them."""
    return len(re.findall(r"(?<=[0-9])[., ]+(?=[0-9oO])", text))
