"""A check of a label's text against the shapes of its letters, independent of any recogniser.

A network that is sure of itself may still lose a decimal point (``5.00 um`` becomes ``500 um``) or a digit,
or take ``n`` for ``µ``. Counting the letters, the points, the holes in the digits and looking at which side
of the unit's first letter is open costs 0.2 ms and catches these.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.labels.value import LabelValue
from pipeline.imaging.scale.loops.foreground_runs import pieces, runs
from pipeline.imaging.scale.loops.letter_shapes import drawn_pieces, enclosed_areas, open_sides, stems

Verdict = Literal["confirms", "contradicts", "silent"]

_FOREGROUND_BELOW: Final = (140, 190, 90)
"""Thin strokes break at a low threshold, close letters touch at a high one."""

_POINT_HEIGHT: Final = 0.35
_STAR_HEIGHT: Final = 0.6
_STAR_ABOVE: Final = 0.25
_DESCENT: Final = 0.1
_DIGIT_GAP: Final = 0.38
_GAP_BESIDE_1: Final = 0.48
_POINT_WIDTH: Final = 0.15
_ONE_POINT: Final = "1 decimal points printed, 0 read"
_SAME_TOP: Final = 0.2
"""Digits reach this near to the first one's top; the letters of a unit, m, n, u and p, stay a quarter lower."""

_FIRST_HALF: Final = 0.3
_DIGIT_WIDTH: Final = 0.5
_HOLES: Final = {"0": 1, "1": 0, "2": 0, "3": 0, "5": 0, "6": 1, "7": 0, "8": 2, "9": 1}
_SMALLEST_HOLE: Final = 0.008
_SMALLEST_FOR_HOLES_PX: Final = 11


@dataclass(frozen=True, slots=True)
class ShapeVerdict:
    """Whether the shapes bear a reading out, and why not.

    Attributes
    ----------
    verdict : str
        ``confirms``; ``contradicts``; ``silent`` where letters touch or are too small to be told apart.
    reason : str
        In words.
    on_point : bool
        Whether it contradicts because a decimal point was not read: what readers lose sooner than anything else.
    """

    verdict: Verdict
    reason: str
    on_point: bool = False


@dataclass(frozen=True, slots=True)
class _Glyph:
    x: int
    top: int
    bottom: int
    width: int
    height: int
    piece: int
    pieces: NDArray[np.int32]
    """The number of the piece of each pixel of the crop; this letter's is ``piece``."""

    @property
    def mask(self) -> NDArray[np.uint8]:
        """1 where the letter is, within its box."""
        box = self.pieces[self.top : self.bottom, self.x : self.x + self.width]
        return np.asarray(box == self.piece, dtype=np.uint8)


def check_shapes(crop: NDArray[np.uint8], text: str, value: LabelValue) -> ShapeVerdict:
    """Compare the letters in a crop with what was read there.

    Parameters
    ----------
    crop : uint8 ndarray, [height, width]
        Dark text on white.
    text : str
        The reading as the recogniser gave it.
    value : LabelValue
        What `parse_label` made of it.

    Returns
    -------
    ShapeVerdict
        ``confirms`` only if every digit, point and unit letter was looked at, at one of three thresholds.
    """
    verdicts: list[ShapeVerdict] = []
    for threshold in _FOREGROUND_BELOW:
        verdicts.append(_check_at(crop, threshold, text, value))
        # A point may be paler than the strokes: where one threshold shows it, that another does not is no comfort.
        if verdicts[-1].reason == _ONE_POINT:
            return verdicts[-1]
        confirming = next((one for one in verdicts if one.verdict == "confirms"), None)
        if confirming is not None and len(verdicts) > 1:
            return confirming
    return verdicts[0]


def _check_at(crop: NDArray[np.uint8], threshold: int, text: str, value: LabelValue) -> ShapeVerdict:
    number = "".join(character for character in text if character.isdigit() or character in ".,").rstrip(".,")
    glyphs = _without_star(_glyphs(crop, threshold))
    if len(glyphs) < 2:
        return ShapeVerdict("silent", "the letters touch each other")
    first = _first_letter(glyphs)
    digit_height, baseline = first.height, first.bottom
    letters = [g for g in glyphs if g.height >= _STAR_HEIGHT * digit_height]
    digits = [character for character in number if character.isdigit()]
    last = _last_digit(letters, len(digits))
    specks = [g for g in glyphs if _is_point(g, digit_height, baseline) and g.x < letters[last].x]
    points = [speck for speck in specks if not _is_tail(speck, first, glyphs)]
    point_verdict = _check_point(points, letters, number)
    if point_verdict is not None:
        return point_verdict
    # Where digits touch, they are fewer than were read; the last two letters are the unit's, after a space.
    separate = len(digits) if len(letters) >= len(digits) + 2 else max(0, len(letters) - 2)
    if _has_wide_gap(letters[: min(separate, last + 1)], points, digits, digit_height):
        reason = "a gap between two digits is as wide as a lost decimal point"
        return ShapeVerdict("contradicts", reason, len(digits) == len(number))
    if len(letters) < len(digits) + 2:
        return ShapeVerdict("silent", f"{len(letters)} separate letters for {len(digits)} digits and a unit")
    if len(letters) > len(digits) + 2:
        return ShapeVerdict("contradicts", f"{len(letters)} letters for {len(digits)} digits and a unit of two")
    return _check_letters(letters, digits, value, baseline)


def _check_point(points: list[_Glyph], letters: list[_Glyph], number: str) -> ShapeVerdict | None:
    """A printed point must have been read, and a read point be printed, after as many digits; None if so."""
    read = [place for place, character in enumerate(number) if character in ".,"]
    if len(points) != len(read):
        # A number has one point at most: beside one that was read none is lost.
        reason = f"{len(points)} decimal points printed, {len(read)} read"
        return ShapeVerdict("contradicts", reason, bool(points) and not read)
    if read and sum(letter.x < points[0].x for letter in letters) != read[0]:
        return ShapeVerdict("silent", "the decimal point's place cannot be counted")
    return None


def _has_wide_gap(letters: list[_Glyph], points: list[_Glyph], digits: list[str], digit_height: int) -> bool:
    """Whether two neighbouring digits without a point between them stand so far apart that one was lost.

    A number has one point at most: where all digits stand equally far apart, the font is wide.
    """
    steps = [second.x - first.x - first.width for first, second in pairwise(letters)]
    if len(steps) > 1 and sorted(steps)[-1] - sorted(steps)[-2] < _POINT_WIDTH * digit_height:
        return False
    for (first, second), pair in zip(pairwise(letters), pairwise(digits), strict=False):
        # A narrow 1 has wide margins of its own.
        widest = _GAP_BESIDE_1 if "1" in pair else _DIGIT_GAP
        has_point = any(first.x < point.x < second.x for point in points)
        if not has_point and second.x - first.x - first.width > widest * digit_height:
            return True
    return False


def _first_letter(glyphs: list[_Glyph]) -> _Glyph:
    """The leftmost piece that is no speck: what digits are as high as, and stand on."""
    tallest = max(glyph.height for glyph in glyphs)
    return next(glyph for glyph in glyphs if glyph.height >= _STAR_HEIGHT * tallest)


def _last_digit(letters: list[_Glyph], count: int) -> int:
    """Place of the last letter that reaches the digits' top: a unit has none such, but may break into any number.

    The very last letter where what reaches the top is too narrow to be that many digits.
    """
    height, top = letters[0].height, letters[0].top
    high = [place for place, letter in enumerate(letters) if letter.top - top <= _SAME_TOP * height]
    width = sum(letters[place].width for place in high)
    is_enough = len(high) >= count or width >= _DIGIT_WIDTH * height * count
    return high[-1] if is_enough else len(letters) - 1


def _is_tail(speck: _Glyph, first: _Glyph, glyphs: list[_Glyph]) -> bool:
    """Whether a speck is the lower end of the first digit, torn off where the stroke is thin, as serif fonts' 3 and 5.

    A point before the digit would leave a column free, and have nothing above it.
    """
    is_under = speck.x + speck.width / 2 <= first.x + min(first.width / 2, _FIRST_HALF * first.height)
    above = (g for g in glyphs if g.bottom <= speck.top and g.x < speck.x + speck.width and speck.x < g.x + g.width)
    return is_under and (speck.x + speck.width >= first.x or any(above))


def _check_letters(letters: list[_Glyph], digits: list[str], value: LabelValue, baseline: int) -> ShapeVerdict:
    """One glyph for each character: look at each."""
    if letters[0].height >= _SMALLEST_FOR_HOLES_PX:
        for glyph, digit in zip(letters, digits, strict=False):
            # A printed 4 may be open or closed.
            if digit in _HOLES and _holes(glyph) != _HOLES[digit]:
                return ShapeVerdict("contradicts", f"a {digit!r} was read where {_holes(glyph)} holes are printed")
    first, last = letters[-2], letters[-1]
    printed = _first_unit_letter(first, last, baseline, letters[0].height)
    expected = {"um": "u", "nm": "n", "mm": "m", "pm": "p"}[value.unit]
    if printed == "?":
        return ShapeVerdict("silent", "the unit's first letter cannot be told")
    if printed != expected:
        return ShapeVerdict(
            "contradicts", f"the unit was read as {value.unit!r}, its first letter looks like {printed!r}"
        )
    return ShapeVerdict("confirms", "the shapes of all letters agree with the text")


def _first_unit_letter(first: _Glyph, last: _Glyph, baseline: int, digit_height: int) -> str:
    """``u`` (or the micro sign), ``n``, ``m``, ``p``, or ``?``."""
    descends = first.bottom - baseline > max(1.0, _DESCENT * digit_height)
    if descends:
        return "p" if _holes(first) else "u"
    # Stems, not widths: in fonts of one width for all letters n is as wide as m.
    if stems(last.mask) < 3:
        return "?"
    if stems(first.mask) >= 3:
        return "m"
    open_top, open_bottom = open_sides(first.mask)
    if open_top == open_bottom:
        return "?"
    return "u" if open_top else "n"


def _holes(glyph: _Glyph) -> int:
    """Number of enclosed white areas; single pixels in large letters are noise."""
    return enclosed_areas(glyph.mask, max(1.0, _SMALLEST_HOLE * glyph.width * glyph.height))


def _is_point(glyph: _Glyph, digit_height: int, baseline: int) -> bool:
    small = max(glyph.height, glyph.width) <= max(2.0, _POINT_HEIGHT * digit_height)
    return small and abs(glyph.bottom - baseline) <= max(2.0, 0.2 * digit_height)


def _without_star(glyphs: list[_Glyph]) -> list[_Glyph]:
    """Leave out Zeiss's asterisk: the last piece, if it hangs above the line that all letters stand on."""
    if len(glyphs) > 2 and glyphs[-1].bottom < glyphs[0].bottom - _STAR_ABOVE * glyphs[0].height:
        return glyphs[:-1]
    return glyphs


def _glyphs(crop: NDArray[np.uint8], threshold: int) -> list[_Glyph]:
    """Connected pieces of foreground, from left to right."""
    foreground_runs = runs((crop < threshold).view(np.uint8))
    drawn = drawn_pieces(foreground_runs, crop.shape)
    glyphs = [
        _Glyph(x, y, y + height, width, height, index, drawn)
        for index, (x, y, width, height, area) in enumerate(pieces(foreground_runs).tolist())
        if area >= 2
    ]
    return sorted(glyphs, key=lambda glyph: glyph.x)
