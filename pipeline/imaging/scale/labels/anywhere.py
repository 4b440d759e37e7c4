"""The texts of a whole picture, each read for what it is: a length, or something else that stands beside the scale."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.foreground_pieces import long_pieces, piece_boxes
from pipeline.imaging.scale.gray_levels import median_level
from pipeline.imaging.scale.labels.value import LabelValue, after_name, parse_label
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.recognition.text import TextCandidate, text_crop
from pipeline.imaging.scale.recognition.text_detection import LOOKS, Box, text_detector

_LONGEST: Final = 11.0
"""``10.0 microns`` is eight times as long as high; longer lines hold several settings."""

_STROKE_PROPORTION: Final = 2.2
_STROKE_SHARE: Final = 0.85
_STROKE_PX: Final = 0.5
_SMALLEST_PIECE: Final = 0.3
_EXTREME: Final = 30
_ENLARGED_BELOW_PX: Final = 24
_MOST_READ: Final = 24
_LEAST_CONTRAST: Final = 16
_FRINGE_PX: Final = 1
_SURE_OF_TEXT: Final = 0.6
_SURE_OF_LINE: Final = 0.8
_LETTER_SHARE: Final = 0.4
_WORD_GAP: Final = 1.2
_PART: Final = re.compile(
    r"(?P<number>[0-9OIl]{1,4}(?:[.,][0-9]{1,3})?)|(?:nm|[u\u00b5\u03bc]m|mm|microns?)", re.IGNORECASE
)
_BESIDE: Final = 3.5
_CUTS: Final = (0.0, -0.3, 0.3, -0.6, 0.6)
"""Where the length in a line may begin, in heights from where it would if all letters were as wide."""

_SETTING: Final = re.compile(
    r"\b(?:HFW|HFOV|FOV|WD|width|field|mag|HV|kV|EHT|spot|det|curr|tilt|depth|date|time)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class PrintedText:
    """A line of text on a picture.

    Attributes
    ----------
    box : (x, y, width, height)
        Of its letters, tight where they could be told from the ground, in pixels of the picture.
    seen : TextCandidate
        What the recogniser saw in the picture itself.
    value : LabelValue or None
        What that means as a length, if the whole line is one.
    reading : LabelReading or None
        What the readers of labels make of its letters alone; None where it is no length, or nothing stood out.
    crop : str
        Digest of the letters' crop; empty without one.
    foreground, background : int
        Gray levels of the letters and of their ground.
    """

    box: Box
    seen: TextCandidate
    value: LabelValue | None = None
    reading: LabelReading | None = None
    crop: str = ""
    foreground: int = 0
    background: int = 0

    @property
    def is_text(self) -> bool:
        """Whether there is text: a texture or a bar that was taken for some is read as nothing, unsurely or oddly."""
        is_long = self.box[2] > _LONGEST * self.box[3]
        letters = re.search(r"[0-9A-Za-z]", self.seen.text)
        return is_long or (letters is not None and self.seen.confidence >= _SURE_OF_TEXT)

    @property
    def is_setting(self) -> bool:
        """Whether the line names a setting of the microscope."""
        return _SETTING.search(self.seen.text) is not None


def find_texts(gray: NDArray[np.uint8], memory: LabelMemory) -> list[PrintedText]:
    """Find and read the texts of a picture.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    memory : LabelMemory
        What reads labels.

    Returns
    -------
    list of PrintedText
        From the bottom, where scales are printed; at most 24 at a look, of which a second one is taken where the first
        shows no length. Lines too long for a label have no text.
    """
    texts: list[PrintedText] = []
    for look in LOOKS:
        boxes = sorted(text_detector().boxes(gray, look), key=lambda box: -box[1])[:_MOST_READ]
        texts += [
            _read(gray, box, memory)
            for box in boxes
            if not any(one.is_text and share_place(box, one.box) for one in texts)
        ]
        for part in texts:
            whole = _with_other_half(gray, part, texts, memory)
            if whole is not None and not any(
                one.value is not None and share_place(one.box, whole.box) for one in texts
            ):
                texts = [*(one for one in texts if not share_place(one.box, whole.box)), whole]
        if any(text.value is not None for text in texts):
            break
    return texts


def _with_other_half(
    gray: NDArray[np.uint8], part: PrintedText, texts: Sequence[PrintedText], memory: LabelMemory
) -> PrintedText | None:
    """The length of which a number or a unit alone is a part: with the box beside it, or what the detector missed."""
    match = _PART.fullmatch(part.seen.text.strip())
    if part.value is not None or match is None:
        return None
    x, y, width, height = part.box
    reach = round(_BESIDE * height)
    right = x + width + (reach if match["number"] else 0)
    left = x - (0 if match["number"] else reach)
    box = max(0, left), y, min(gray.shape[1], right) - max(0, left), height
    beside = [one.box for one in texts if one is not part and share_place(one.box, box) and _is_in_row(one.box, box)]
    whole = _around(part.box, min(beside, key=lambda one: abs(one[0] - x))) if beside else box
    found = _read(gray, whole, memory)
    return found if found.value is not None else None


def share_place(one: Box, other: Box) -> bool:
    """Whether two boxes cover some of the same rows and columns."""
    is_beside = one[0] < other[0] + other[2] and other[0] < one[0] + one[2]
    return is_beside and one[1] < other[1] + other[3] and other[1] < one[1] + one[3]


def _is_in_row(one: Box, other: Box) -> bool:
    return abs(one[1] + one[3] / 2 - other[1] - other[3] / 2) <= min(one[3], other[3]) / 2


def _around(one: Box, other: Box) -> Box:
    left, top = min(one[0], other[0]), min(one[1], other[1])
    right, bottom = max(one[0] + one[2], other[0] + other[2]), max(one[1] + one[3], other[1] + other[3])
    return left, top, right - left, bottom - top


def _read(gray: NDArray[np.uint8], box: Box, memory: LabelMemory) -> PrintedText:
    x, y, width, height = box
    if width > _LONGEST * height:
        return PrintedText(box, TextCandidate("", 0.0))
    seen = memory.recognise(_enlarged(gray[y : y + height, x : x + width]))
    value = parse_label(seen.text)
    found = list(_letters(gray, box))
    if value is None and seen.confidence < _SURE_OF_LINE:
        # A bar beside its label may have been taken for a letter: once more without it.
        for letters in found:
            alone = memory.recognise(_enlarged(letters.page(gray, _FRINGE_PX))) if letters.without_strokes else seen
            if parse_label(alone.text) is not None:
                seen, value = alone, parse_label(alone.text)
                break
    if value is None:
        return _length_after_name(gray, box, seen, memory) or PrintedText(box, seen)
    if not found:
        return PrintedText(box, seen, value)
    letters, crop, reading = _by_letters(gray, found, value, memory)
    return PrintedText(letters.box, seen, value, reading, crop, letters.foreground, letters.background)


def _length_after_name(
    gray: NDArray[np.uint8], box: Box, line: TextCandidate, memory: LabelMemory
) -> PrintedText | None:
    """The length at the end of a line such as ``Bar = 5 um``, cut off where it reads the same by itself."""
    rest = after_name(line.text)
    value = None if rest is None else parse_label(rest)
    if rest is None or value is None:
        return None
    x, y, width, height = box
    begin = x + width * (1 - len(rest) / len(line.text))
    found: PrintedText | None = None
    for off in _CUTS:
        left = max(x, round(begin + off * height))
        part = _read(gray, (left, y, x + width - left, height), memory)
        if part.value is None or part.value.scale_nm != value.scale_nm:
            continue
        if (
            part.reading is not None
            and part.reading.value is not None
            and part.reading.value.scale_nm == value.scale_nm
        ):
            return part
        found = found or part
    return found


@dataclass(frozen=True, slots=True)
class _Letters:
    """The letters in a box: their own box, mask of 0 and 1, their gray level and their ground's."""

    box: Box
    mask: NDArray[np.uint8]
    foreground: int
    background: int
    without_strokes: bool

    def page(self, gray: NDArray[np.uint8], fringe_px: int | None) -> NDArray[np.uint8]:
        return text_crop(gray, self.box, self.mask, fringe_px=fringe_px)


def _by_letters(
    gray: NDArray[np.uint8], found: list[_Letters], value: LabelValue, memory: LabelMemory
) -> tuple[_Letters, str, LabelReading]:
    """What the readers of labels see in the letters: with all of their ground, or without what is not beside them."""
    first: tuple[_Letters, str, LabelReading] | None = None
    for letters in found:
        for fringe in (None, _FRINGE_PX):
            digest, reading = memory.read(letters.page(gray, fringe))
            if reading.value is not None and reading.value.scale_nm == value.scale_nm and reading.is_certain:
                return letters, digest, reading
            if first is None or (first[2].value is None and reading.value is not None):
                first = letters, digest, reading
    assert first is not None
    return first


def _letters(gray: NDArray[np.uint8], box: Box) -> Iterator[_Letters]:
    """What may be the letters in a box: what differs from its rim; what is lighter or darker than the rest, or most."""
    x, y, width, height = box
    cut = np.ascontiguousarray(gray[y : y + height, x : x + width])
    rim = median_level(np.r_[cut[0], cut[-1], cut[:, 0], cut[:, -1]])
    yield from _standing_out(cut, np.asarray(cv2.absdiff(cut, np.full_like(cut, rim)), np.uint8), (x, y), 0)
    for levels in (cut, 255 - cut):
        yield from _standing_out(cut, levels, (x, y), 0, on_plate=True)
        yield from _standing_out(cut, levels, (x, y), int(np.percentile(levels, 99)) - _EXTREME)


def _standing_out(
    cut: NDArray[np.uint8],
    levels: NDArray[np.uint8],
    corner: tuple[int, int],
    threshold: int,
    *,
    on_plate: bool = False,
) -> Iterator[_Letters]:
    """What is above a threshold (0: Otsu's) in a box, without bars and what the rim cuts."""
    if not threshold:
        threshold = int(cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0])
    mask = np.asarray(levels > threshold, dtype=np.uint8)
    if on_plate:
        # Print on a plate lies within the largest piece of the other level.
        px, py, wide, tall, _ = max(piece_boxes(1 - mask).tolist(), key=lambda piece: piece[4], default=[0] * 5)
        outside = np.ones_like(mask)
        outside[py : py + tall, px : px + wide] = 0
        mask[outside == 1] = 0
    strokes = _without_strokes(mask)
    if not mask.any() or mask.all():
        return
    foreground, background = median_level(cut[mask == 1]), median_level(cut[mask == 0])
    if abs(foreground - background) < _LEAST_CONTRAST:
        return
    left, top, wide, tall = _line_of(piece_boxes(mask))
    tight = np.ascontiguousarray(mask[top : top + tall, left : left + wide])
    if tight.mean() > 0.5:
        # More than half of a line's box is ground.
        foreground, background = background, foreground
    yield _Letters((corner[0] + left, corner[1] + top, wide, tall), tight, foreground, background, strokes)


def _line_of(pieces: NDArray[np.int32]) -> Box:
    """The box of the letters among pieces: the tall ones that stand in a row, and what is between them."""
    tallest = int(pieces[:, 3].max())
    tall = pieces[pieces[:, 3] >= _LETTER_SHARE * tallest]
    tall = tall[np.argsort(tall[:, 0], kind="stable")]
    reach = np.maximum.accumulate(tall[:, 0] + tall[:, 2])
    words = np.split(tall, np.flatnonzero(tall[1:, 0] - reach[:-1] > _WORD_GAP * tallest) + 1)
    line = max(words, key=lambda word: int(word[:, 4].sum()))
    left, right = int(line[:, 0].min()), int((line[:, 0] + line[:, 2]).max())
    within = pieces[(pieces[:, 0] >= left) & (pieces[:, 0] + pieces[:, 2] <= right)]
    top, bottom = int(within[:, 1].min()), int((within[:, 1] + within[:, 3]).max())
    return left, top, right - left, bottom - top


def _without_strokes(mask: NDArray[np.uint8]) -> bool:
    """Clear bars, which no letter is as straight as, and specks that the rim cuts; whether there was a bar."""
    height = mask.shape[0]
    found = False
    for x, y, wide, tall, area in long_pieces(mask, max(8, round(_STROKE_PX * height))).tolist():
        if wide >= _STROKE_PROPORTION * tall and area >= _STROKE_SHARE * wide * tall:
            mask[y : y + tall, x : x + wide] = 0
            found = True
    for x, y, wide, tall, _ in piece_boxes(mask).tolist():
        if (y == 0 or y + tall == height) and tall < _SMALLEST_PIECE * height:
            mask[y : y + tall, x : x + wide] = 0
    return found


def _enlarged(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Small print twice as large: the recogniser's own enlargement is linear and blurs a point away."""
    if crop.shape[0] >= _ENLARGED_BELOW_PX:
        return np.ascontiguousarray(crop)
    return np.asarray(cv2.resize(crop, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
