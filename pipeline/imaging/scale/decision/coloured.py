"""The scale in coloured print, taken off its gray picture, held against what was read in that."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.bars.segment import overlap
from pipeline.imaging.scale.candidates import ScaleCandidate, cut_out, read_candidates, read_in_gray, searched_regions
from pipeline.imaging.scale.decision.disputes import CROPS_DIFFER, in_doubt, is_certain, is_disputed, states_another
from pipeline.imaging.scale.decision.label_rules import weighed
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.regions.colour_print import is_blurred, length_of_coloured_bar, printed_region

COLOUR_SHOWS_ENOUGH: Final = "colour shows enough"
_AS_COLOURED: Final = 0.6
_THIN_PX: Final = 3
_LONGER_BY_SHADOW_PX: Final = 1.5


def with_colour(
    accepted: ScaleCandidate | None,
    seen: list[ScaleCandidate],
    print_alone: NDArray[np.uint8],
    gray: NDArray[np.uint8],
    memory: LabelMemory,
) -> tuple[ScaleCandidate | None, list[ScaleCandidate]]:
    """What was found on a gray picture, held against its coloured print, or what that says where nothing was found."""
    in_colour, further = _coloured(print_alone, gray, memory)
    if accepted is None:
        return in_colour, [*seen, *further]
    if in_colour is not None and states_another(in_colour, accepted):
        why = f"in its colour alone it gives {in_colour.nm_per_px:.4g} nm a pixel"
        return None, [in_doubt(accepted, why, "colour and gray alike")]
    for one in ([in_colour] if in_colour else []) + further:
        if _is_same_print(one, accepted):
            return _as_long_as_coloured(accepted, one, print_alone, gray), seen
    return accepted, seen


def _is_same_print(one: ScaleCandidate, other: ScaleCandidate) -> bool:
    """Whether two candidates are the same bar with the same label."""
    if one.reading is None or other.reading is None or one.reading.value is None:
        return False
    is_alike = one.reading.value == other.reading.value and one.segment.kind == other.segment.kind
    return is_alike and overlap(one.segment, other.segment)


def _as_long_as_coloured(
    accepted: ScaleCandidate, in_colour: ScaleCandidate, print_alone: NDArray[np.uint8], gray: NDArray[np.uint8]
) -> ScaleCandidate:
    """What was read on a gray picture, its bar as long as in its colour alone: in gray, a shadow may lengthen it.

    Not where a JPEG blurred the colours: there the gray picture shows the ends better.
    """
    if in_colour.label is None or is_blurred(cut_out(print_alone, in_colour.label.box)):
        return accepted
    length = length_of_coloured_bar(print_alone, gray, in_colour.segment)
    if length is None or accepted.segment.length_px - length <= _LONGER_BY_SHADOW_PX:
        return accepted
    return replace(accepted, segment=replace(in_colour.segment, length_px=length))


def _coloured(
    print_alone: NDArray[np.uint8], gray: NDArray[np.uint8], memory: LabelMemory
) -> tuple[ScaleCandidate | None, list[ScaleCandidate]]:
    """The first certain candidate in coloured print, if its bar is as strongly coloured as its label.

    JPEGs keep colours in blocks of two pixels, which pales a thin line and lengthens it, and takes a point away: the
    gray picture, which has all pixels, must not show one.
    """
    candidates = read_candidates(print_alone, searched_regions(print_alone, printed_region(print_alone)), memory)
    seen = []
    for one in map(weighed, candidates):
        seen.append(one)
        if is_certain(one, print_alone.shape[1]) and one.label is not None:
            why = _doubt_of_colour(one, one.label.box, seen, print_alone, gray, memory)
            length = length_of_coloured_bar(print_alone, gray, one.segment)
            if why or length is None:
                return None, [
                    in_doubt(one, why or "the ends of the bar are too blurred to measure it", COLOUR_SHOWS_ENOUGH)
                ]
            return replace(one, segment=replace(one.segment, length_px=length)), []
    return None, [one for one in seen if one.nm_per_px is not None]


def _doubt_of_colour(
    candidate: ScaleCandidate,
    box: tuple[int, int, int, int],
    seen: list[ScaleCandidate],
    print_alone: NDArray[np.uint8],
    gray: NDArray[np.uint8],
    memory: LabelMemory,
) -> str:
    """Why a reading of coloured print may not be believed; empty if it may."""
    label = cut_out(print_alone, box)
    has_ticks = candidate.segment.kind in ("ticked", "broken")
    if _is_paler(cut_out(print_alone, candidate.segment.line_box), label, has_ticks=has_ticks):
        return "the bar is paler than its label"
    if is_disputed(candidate, seen):
        return CROPS_DIFFER
    blurred = is_blurred(label)
    in_gray = read_in_gray(candidate, gray, print_alone, memory, blurred=blurred)
    other = next((one for one in in_gray if states_another(one, candidate)), None)
    if other is not None and other.reading is not None:
        return f"without its colour it looks like {other.reading.text!r}"
    if blurred and not any(_is_beyond_doubt(one, gray.shape[1]) for one in in_gray):
        return "in small and blurred colour, which may have lost a digit or point"
    return ""


def _is_paler(bar: NDArray[np.uint8], label: NDArray[np.uint8], *, has_ticks: bool) -> bool:
    """Whether the strongest row of a coloured bar is much paler than its label.

    Where a JPEG keeps colours for two rows at a time, a line of one row has half of its own; its ends are told by ticks
    only.
    """
    least = _AS_COLOURED / 2 if has_ticks and bar.shape[0] <= _THIN_PX else _AS_COLOURED
    return float(np.median(bar, axis=1).max()) < least * float(np.percentile(label, 95))


def _is_beyond_doubt(candidate: ScaleCandidate, width: int) -> bool:
    return is_certain(candidate, width) and candidate.reading is not None and not candidate.reading.point_in_doubt
