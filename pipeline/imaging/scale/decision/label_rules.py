"""What speaks against a label that readers are sure of: each rule on its print, by name, in one place.

Readers see a crop. What the crop has lost, or what stands beside the label, is seen in the picture alone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pipeline.imaging.scale.bars.line_ends import has_arrow_head, stands_in_a_row
from pipeline.imaging.scale.candidates import Print, ScaleCandidate, cut_out
from pipeline.imaging.scale.decision.seen_bars import is_sure, is_that
from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.foreground_pieces import long_pieces
from pipeline.imaging.scale.gray_levels import median_level, near_level
from pipeline.imaging.scale.labels.exponent import has_exponent
from pipeline.imaging.scale.labels.hidden_print import (
    Hidden,
    has_letter_before,
    has_plain_ground,
    hidden_print,
    starts_with_specimen,
)
from pipeline.imaging.scale.recognition.bar_finder import bar_finder
from pipeline.imaging.scale.regions.databar import DataBar

_SURE_OF_MM: Final = 0.95
_PLATE_SHARE: Final = 0.6
_PLATE_TOLERANCE: Final = 40
_STROKE_ON_PLATE: Final = 0.2
ARROW: Final = "its bar ends in arrow heads, whose tips are not measured"
ONE_OF_MANY: Final = "more like its bar follows in the same rows, and the networks do not see it end there"
EXPONENT: Final = "an exponent follows it, so that it is no length"


@dataclass(frozen=True, slots=True)
class _Seen:
    """A label that was read for certain, its print, its region, and what is hidden between its letters."""

    reading: LabelReading
    printed: Print
    region: DataBar
    hidden: Hidden


def weighed(candidate: ScaleCandidate) -> ScaleCandidate:
    """A candidate after the rules on its print: uncertain by the first that objects, and without the print.

    Letters that may be hidden between others do not object by themselves: such a label needs other crops to be heard.
    """
    printed, reading = candidate.printed, candidate.reading
    candidate = replace(candidate, printed=None)
    if printed is None or reading is None or not reading.is_certain:
        return candidate
    hidden: Hidden = ""
    if printed.is_told_by_level:
        is_plain = has_plain_ground(printed.gray, printed.label.box, printed.foreground, printed.level)
        candidate = replace(candidate, on_plain_ground=is_plain)
        hidden = _hidden(reading, printed)
    seen = _Seen(reading, printed, candidate.bar, hidden)
    for name, rule in _RULES.items():
        why = rule(seen)
        if why:
            doubtful = replace(reading, is_certain=False, reason=f"{reading.text!r}: {why}")
            return replace(candidate, reading=doubtful, rule=name)
    if hidden == "letter":
        candidate = replace(candidate, reading=replace(reading, on_readers_alone=True))
    return candidate


def has_no_point(reading: LabelReading) -> bool:
    """Whether a number of two digits or more was read without a point: what a crop from a specimen loses first."""
    digits = re.sub(r"[^0-9.,]", "", reading.text)
    return len(digits) >= 2 and digits.isdigit()


def _hidden(reading: LabelReading, printed: Print) -> Hidden:
    """What may be hidden between the letters; a point that a reader or the shapes speak of counts as seen."""
    x, y, width, height = printed.label.box
    before = min(x, height)
    wide = cut_out(printed.gray, (x - before, y, width + before, height))
    digits = sum(character.isdigit() for character in reading.text)
    foreground = np.pad(printed.foreground, ((0, 0), (before, 0)))
    return (
        "point"
        if reading.point_in_doubt
        else hidden_print(wide, foreground, printed.level, letters=digits, before=before)
    )


def _no_n_taken_for_an_m(seen: _Seen) -> str:
    """An ``mm`` must not rest on readers that are not quite sure: small and touching letters make one of ``nm``."""
    reading = seen.reading
    is_mm = reading.value is not None and reading.value.unit == "mm"
    in_doubt = is_mm and reading.on_readers_alone and reading.confidence < _SURE_OF_MM
    return "a small n may have been taken for an m" if in_doubt and seen.printed.is_told_by_level else ""


def _no_point_lost(seen: _Seen) -> str:
    is_lost = seen.hidden == "point" and (seen.reading.point_in_doubt or has_no_point(seen.reading))
    return "something paler at the feet of two letters may be a decimal point" if is_lost else ""


def _no_first_point_lost(seen: _Seen) -> str:
    is_lost = seen.hidden == "first point" and not re.search(r"[.,]", seen.reading.text)
    return "something paler at the foot of the first letter may be a decimal point" if is_lost else ""


def _no_letter_lost(seen: _Seen) -> str:
    printed = seen.printed
    if not printed.is_told_by_level:
        return ""
    is_lost = starts_with_specimen(printed.foreground) or has_letter_before(
        printed.gray, printed.label.box, printed.foreground, printed.level, printed.segment.box
    )
    return "something like a letter stands before the first one" if is_lost else ""


def _no_plate(seen: _Seen) -> str:
    """A block that was laid behind its label, or behind label and bar, is no bar itself.

    A plate is as wide as its label, or shows a straight stroke as well.
    """
    segment, region = seen.printed.segment, seen.region
    if segment.kind != "inside":
        return ""
    x, y, width, height = segment.box
    is_plate = seen.printed.label.box[2] > _PLATE_SHARE * width
    if not is_plate:
        block = np.ascontiguousarray(seen.printed.gray[y + 1 : y + height - 1, x + 1 : x + width - 1])
        print_on_it = near_level(block, region.level, max(region.tolerance, _PLATE_TOLERANCE)) == 0
        strokes = long_pieces(print_on_it.astype(np.uint8), max(8, int(_STROKE_ON_PLATE * width)))
        is_plate = bool((strokes[:, 3] < height // 2).any())
    return "the plate behind a label is no bar" if is_plate else ""


def _no_exponent(seen: _Seen) -> str:
    gray, box = seen.printed.gray, seen.printed.label.box
    level = median_level(cut_out(gray, box)[seen.printed.foreground != 0])
    return EXPONENT if has_exponent(gray, box, level) else ""


def _no_arrow(seen: _Seen) -> str:
    segment = seen.printed.segment
    is_arrow = segment.kind != "ruler" and has_arrow_head(seen.printed.gray, segment.line_box)
    return ARROW if is_arrow else ""


def _no_field_of_many(seen: _Seen) -> str:
    """A block that others follow in its rows may be one field of a chequered bar: there the networks have a say."""
    printed = seen.printed
    segment, box = printed.segment, printed.label.box
    if segment.kind not in ("solid", "line") or not stands_in_a_row(printed.gray, segment.line_box, box):
        return ""
    label, is_ground = cut_out(printed.gray, box), printed.foreground == 0
    background = median_level(label[is_ground]) if is_ground.any() else printed.level
    bar = bar_finder().find(printed.gray, box, printed.level, background)
    return "" if is_sure(bar) and is_that(bar, segment) else ONE_OF_MANY


_RULES: Final[dict[str, Callable[[_Seen], str]]] = {
    "no n taken for an m": _no_n_taken_for_an_m,
    "no point lost": _no_point_lost,
    "no first point lost": _no_first_point_lost,
    "no letter lost": _no_letter_lost,
    "no plate": _no_plate,
    "no exponent": _no_exponent,
    "no arrow": _no_arrow,
    "no field of many": _no_field_of_many,
}
