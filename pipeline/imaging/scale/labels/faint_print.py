"""A second crop of a label that could not be read for certain: with the print that is too pale for its foreground mask.

The first crop (`pipeline.imaging.scale.recognition.text.text_crop`) hides all that is not right beside the foreground,
so that a specimen does not pass for letters. Thin strokes of small letters are paler than the mask's level and go with
it: a 2 without its neck, an n without its arch. Here the ground's own levels are taken off instead, and what rises
above them stays.
"""

import re
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.evidence.label import LIKE_A_LENGTH, SURE, LabelReading
from pipeline.imaging.scale.labels.value import LabelValue, is_cut_number, is_usual_value, points_between_digits
from pipeline.imaging.scale.loops.label_pages import risen_page
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.recognition.text import PAD_PX

_BESIDE_PX: Final = 1
_GROUND_SHARE: Final = 0.8
"""What four fifths of the ground do not reach is print; at a half or nineteen twentieths as many labels were read."""

_LETTER_EDGE_PX: Final = 2
_LEAST_GROUND: Final = 20
_LEAST_SURE: Final = 0.5
_SURE_OF_BOTH: Final = (0.5, 0.85)
_POINT_BEFORE_DIGIT: Final = re.compile(r"[.,] ?[0-9]")
_NUMBER_ALONE: Final = re.compile(r"^[0-9]+[.,][0-9]+$")

Asked = tuple[str, LabelReading]
"""The digest of a crop, and what was read there."""


def read_both(
    gray: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    foreground: NDArray[np.uint8],
    crop: NDArray[np.uint8],
    memory: LabelMemory,
) -> tuple[tuple[Asked, ...], LabelReading]:
    """Read a label by its first crop and, where that looks like a length but is not certain, by its `faint_crop`.

    The quick readers see both crops before any other reader is asked.

    Parameters
    ----------
    gray, box, foreground
        See `faint_crop`.
    crop : uint8 ndarray
        The first crop.
    memory : LabelMemory

    Returns
    -------
    asked : tuple of (str, LabelReading)
        All that was read, that which counts last. That is the second crop if it is certain and there is no sign of a
        lost point: one that the first crop shows, a space between its digits, or shapes that speak of one in either.
    reading : LabelReading
        What the label says: the last one of ``asked``, or what both crops say together.
    """
    first = memory.glance(crop)
    is_shown = not (first[1].is_certain and first[1].on_readers_alone)
    if is_shown and not _asks_for_more(first[1]):
        return (first,), first[1]
    faint = faint_crop(gray, box, foreground)
    again = memory.glance(faint)
    if not is_shown:
        return (again, first), _unless_other(first[1], again[1])
    settled = _settled_by_both(first[1], again[1], memory.held)
    if settled is not None:
        return ((first, again) if settled is again[1] else (again, first)), settled
    if first[1].glance in ("one", "none") and again[1].glance == "agree":
        # The better crop goes first: it may leave nothing to ask of the other.
        again = memory.read(faint)
        if _stands(again[1], first[1]):
            return (first, again), again[1]
    if first[1].glance:
        first = memory.read(crop)
        if not _asks_for_more(first[1]):
            return (again, first), first[1]
    if again[1].glance:
        again = memory.read(faint)
    counts = again if _stands(again[1], first[1]) else first
    return ((first, again) if counts is again else (again, first)), counts[1]


def _asks_for_more(reading: LabelReading) -> bool:
    is_length = reading.value is not None or LIKE_A_LENGTH.search(reading.text) is not None
    return is_length and not reading.is_certain


def _unless_other(first: LabelReading, again: LabelReading) -> LabelReading:
    """What two readers are sure of and no shapes show, in doubt where the second crop shows another length.

    All readers may take an n whose arch touches the next letter for an m.
    """
    if again.glance != "differ" and not _differ(first, again):
        return first
    reason = f"{first.text!r} was read, {again.text!r} in a second crop with fainter strokes"
    return replace(first, is_certain=False, reason=reason)


def _settled_by_both(first: LabelReading, again: LabelReading, held: LabelValue | None) -> LabelReading | None:
    """What two glances come to without other readers; None where they are to be asked.

    Two quick readers that see one usual value in both crops, with no shapes that speak of a point, need nobody else: of
    890 such labels that one crop alone did not settle none was wrong. Nor does a certain second crop beside a first one
    in which no other length is seen (of 800, one had lost the point before its digit in both), or a label of which no
    quick reader sees a length in either crop. Of 1,706 such labels the slow reader sees the same length in 1,595, none
    in 101, and another one in ten, wrongly each time. A ``0.0 um`` that a quick
    reader is sure of is the end of a label, whatever the other crop may be taken for.
    """
    if _agree(first, again):
        sure = max(first.confidence, again.confidence)
        alone = first.on_readers_alone and again.on_readers_alone
        reason = "two quick readers agree on two crops"
        return replace(
            again, text=first.text, confidence=sure, is_certain=True, reason=reason, on_readers_alone=alone, glance=""
        )
    if first.glance != "differ" and not _differ(first, again) and _stands(again, first):
        return again
    if is_cut_number(again.text) and again.confidence >= SURE and not first.is_certain:
        return again
    return None if _is_length(first, held) or _is_length(again, held) else first


def _agree(first: LabelReading, again: LabelReading) -> bool:
    """Whether both quick readers see one value in both crops, none of them too unsure and no point in doubt."""
    is_agreed = first.glance == again.glance == "agree" and not _differ(first, again)
    sure, surer = sorted((first.confidence, again.confidence))
    is_sure = sure >= _SURE_OF_BOTH[0] and surer >= _SURE_OF_BOTH[1]
    return is_agreed and is_sure and not (first.point_in_doubt or again.point_in_doubt)


def _differ(one: LabelReading, other: LabelReading) -> bool:
    return one.value is not None and other.value is not None and one.value.scale_nm != other.value.scale_nm


def _stands(again: LabelReading, first: LabelReading) -> bool:
    """Whether the second crop counts: it is certain, and no point was lost in it."""
    lost = again.point_in_doubt or points_between_digits(again.text) < points_between_digits(first.text)
    lost = lost or (first.point_in_doubt and (again.on_readers_alone or first.glance == "one"))
    return again.is_certain and not lost


def _is_length(reading: LabelReading, held: LabelValue | None) -> bool:
    """Whether a crop may show a length; where dissent from a value is looked for, another one, and not too unsurely.

    A number with a point alone may be one, too: of what follows a bright specimen left nothing. And a point in what is
    no length may speak against a number without one.
    """
    if held is None:
        return reading.value is not None or _NUMBER_ALONE.search(reading.text) is not None
    if reading.value is None:
        return reading.glance != "" and _POINT_BEFORE_DIGIT.search(reading.text) is not None
    if reading.value.doubt or not is_usual_value(reading.value.value):
        return False
    return reading.value.scale_nm != held.scale_nm and reading.confidence >= _LEAST_SURE


def faint_crop(
    gray: NDArray[np.uint8], box: tuple[int, int, int, int], foreground: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Cut a text out with its faint strokes, dark on white, with `pipeline.imaging.scale.recognition.text.PAD_PX` of
    white around.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    box : (x, y, width, height)
        Tight box of the text's foreground, inside the picture; a pixel more is cut on each side that has one.
    foreground : uint8 ndarray, [box height, box width]
        1 where there is foreground.

    Returns
    -------
    uint8 ndarray
        White is the level that four fifths of the ground, two pixels or more from the foreground, do not pass towards
        the foreground's; black what is furthest from it.
    """
    x, y, width, height = box
    left, top = min(x, _BESIDE_PX), min(y, _BESIDE_PX)
    cut = gray[y - top : y + height + _BESIDE_PX, x - left : x + width + _BESIDE_PX]
    covered = np.zeros(cut.shape, np.uint8)
    covered[top : top + height, left : left + width] = foreground
    reach = 2 * _LETTER_EDGE_PX + 1
    beside = np.asarray(cv2.dilate(covered, np.ones((reach, reach), np.uint8)), dtype=np.uint8)
    return risen_page(cut, covered, beside, _LEAST_GROUND, _GROUND_SHARE, PAD_PX)
