"""The places of a picture where a scale may be printed, their segments, and the text read beside each.

Lazy: the caller stops when a candidate satisfies. A picture without a stripe of its own is searched for print on the
specimen too. At most twelve labels are read.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice, tee
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.bars.flat_strokes import flat_stroke_regions
from pipeline.imaging.scale.bars.segment import (
    Segment,
    find_boxes,
    find_segments,
    has_paler_ticks,
    is_frame_side,
    is_outline,
    overlap,
    with_exact_length,
)
from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.gray_levels import median_level, near_level
from pipeline.imaging.scale.ink_pieces import long_pieces
from pipeline.imaging.scale.labels.box import LabelBox, find_label_boxes, label_ink, stroke_goes_on
from pipeline.imaging.scale.labels.exponent import has_exponent
from pipeline.imaging.scale.labels.faint_print import Asked, read_both
from pipeline.imaging.scale.labels.hidden_print import (
    has_letter_before,
    has_plain_ground,
    hidden_print,
    starts_with_specimen,
)
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.recognition.text import text_crop
from pipeline.imaging.scale.regions.databar import (
    DataBar,
    find_data_bar,
    ink_and_pieces,
    neighbourhood,
    overlay_regions,
    thin_print,
)
from pipeline.imaging.scale.regions.tilt import find_tilt, straightened, tilted_box

_MOST_SEGMENTS: Final = 6
_MOST_LABELS: Final = 3
_MOST_RIVALS: Final = 3
_SAME_THICKNESS_PX: Final = 2
_MOST_READINGS: Final = 12
_TRACE: Final = 0.15
_SURE_OF_MM: Final = 0.95
_PLATE_SHARE: Final = 0.6
_PLATE_TOLERANCE: Final = 40
_STROKE_ON_PLATE: Final = 0.2
EXPONENT: Final = "an exponent follows it, so that it is no length"
_PLATE_ALONE: Final = "the plate behind a label is no bar"
_POINT_LOST: Final = "something paler at the feet of two letters may be a decimal point"
_N_FOR_M: Final = "a small n may have been taken for an m"
_LETTER_LOST: Final = "something like a letter stands before the first one"
_FIRST_POINT_LOST: Final = "something paler at the foot of the first letter may be a decimal point"

Region = tuple[DataBar, NDArray[np.uint8], NDArray[np.int32]]
"""A region, its ink and the ink's pieces."""


@dataclass(frozen=True, slots=True)
class ScaleCandidate:
    """One segment with one text read as its label; `reading` is None where no text was found near it.

    `crop` is the digest of the text's crop (`pipeline.imaging.scale.recognition.memory.crop_digest`), `rivals` are the
    region's other segments of the same kind; `is_last` says that no further crop of the same segment and region
    follows; `asked` are all crops of the text that were read; `is_ruled_out` says that something besides its text
    speaks against it, `on_plain_ground` of print on a picture that nothing but print stands out from the ground around
    it.
    """

    bar: DataBar
    segment: Segment
    label: LabelBox | None = None
    reading: LabelReading | None = None
    crop: str = ""
    rivals: tuple[Segment, ...] = ()
    is_last: bool = True
    asked: tuple[Asked, ...] = ()
    is_ruled_out: bool = False
    on_plain_ground: bool = False

    @property
    def nm_per_px(self) -> float | None:
        """Nanometres a pixel, if the text is a length."""
        if self.reading is None or self.reading.value is None:
            return None
        return self.reading.value.scale_nm / self.segment.length_px


def straight_or_tilted(
    gray: NDArray[np.uint8], bar: DataBar | None, memory: LabelMemory
) -> Iterator[tuple[ScaleCandidate, bool]]:
    """The candidates of the picture as it is, then those of the picture set straight where print is tilted."""
    regions, again = tee(searched_regions(gray, bar))
    for candidate in read_candidates(gray, regions, memory):
        yield candidate, True
    tilts = (find_tilt(ink, pieces) for _, ink, pieces in again)
    tilt = next((angle for angle in tilts if angle is not None), None)
    if tilt is None:
        return
    straight = straightened(gray, tilt)
    straight_bar = find_data_bar(straight) or bar
    for candidate in read_candidates(straight, searched_regions(straight, straight_bar), memory):
        box = tilted_box(candidate.segment.box, tilt, gray.shape)
        label = candidate.label
        if label is not None:
            label = replace(label, box=tilted_box(label.box, tilt, gray.shape))
        yield replace(candidate, segment=replace(candidate.segment, box=box), label=label), False


def read_candidates(
    gray: NDArray[np.uint8],
    regions: Iterable[Region],
    memory: LabelMemory,
) -> Iterator[ScaleCandidate]:
    budget = _MOST_READINGS
    for region, ink, pieces in regions:
        segments = find_segments(ink, region, pieces=pieces)[:_MOST_SEGMENTS]
        for rough in segments:
            segment = with_exact_length(gray, rough)
            if region.paper == "picture" and _is_no_bar(gray, region, segment):
                continue
            labels = _labels(gray, region, ink, pieces, segment)
            first = next(labels, None)
            if first is None and segment.kind != "inside":
                yield ScaleCandidate(region, segment)
            following = islice(chain([first] if first else [], labels), budget)
            ahead = next(following, None)
            while ahead is not None:
                (place, place_ink, label), ahead = ahead, next(following, None)
                budget -= 1
                fringe_px = None if label.place == "inside" else place.fringe_px
                printed = label_ink(place_ink, place, label)
                crop = text_crop(gray, label.box, printed, fringe_px=fringe_px)
                asked, reading = read_both(gray, label.box, printed, crop, memory)
                digest = asked[-1][0]
                is_plain = False
                if fringe_px is not None and reading.is_certain:
                    is_plain = has_plain_ground(gray, label.box, printed, place.level)
                    reading = _on_specimen(reading, gray, label.box, printed, place.level)
                    if starts_with_specimen(printed) or has_letter_before(
                        gray, label.box, printed, place.level, segment.box
                    ):
                        reading = replace(reading, is_certain=False, reason=f"{reading.text!r}: {_LETTER_LOST}")
                if reading.is_certain and _is_plate(gray, region, segment, label):
                    reading = replace(reading, is_certain=False, reason=f"{reading.text!r}: {_PLATE_ALONE}")
                if reading.is_certain and has_exponent(gray, label.box, _ink_level(gray, label.box, printed)):
                    reading = replace(reading, is_certain=False, reason=f"{reading.text!r}: {EXPONENT}")
                rivals = _rivals(segment, segments)
                yield ScaleCandidate(
                    region,
                    segment,
                    label,
                    reading,
                    digest,
                    rivals,
                    is_last=ahead is None,
                    asked=asked,
                    on_plain_ground=is_plain,
                )


def _is_no_bar(gray: NDArray[np.uint8], region: DataBar, segment: Segment) -> bool:
    level = region.level
    return is_frame_side(gray, segment) or has_paler_ticks(gray, segment, level) or is_outline(gray, segment, level)


def _ink_level(gray: NDArray[np.uint8], box: tuple[int, int, int, int], ink: NDArray[np.uint8]) -> int:
    return median_level(cut_out(gray, box)[ink != 0])


def _is_plate(gray: NDArray[np.uint8], region: DataBar, segment: Segment, label: LabelBox) -> bool:
    """Whether a block on a picture was laid behind its label, or behind label and bar, and is no bar itself.

    A plate is as wide as its label, or shows a straight stroke as well.
    """
    if segment.kind != "inside" or region.paper != "picture":
        return False
    x, y, width, height = segment.box
    if label.box[2] > _PLATE_SHARE * width:
        return True
    block = np.ascontiguousarray(gray[y + 1 : y + height - 1, x + 1 : x + width - 1])
    print_on_it = near_level(block, region.level, max(region.tolerance, _PLATE_TOLERANCE)) == 0
    strokes = long_pieces(print_on_it.astype(np.uint8), max(8, int(_STROKE_ON_PLATE * width)))
    return bool((strokes[:, 3] < height // 2).any())


def _on_specimen(
    reading: LabelReading,
    gray: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    ink: NDArray[np.uint8],
    level: int,
) -> LabelReading:
    """A certain reading of print on a specimen, in doubt where the crop may have lost some of it.

    A point that may have been lost makes a number without one uncertain; a letter needs other crops to be heard.
    """
    if _may_be_nanometres(reading):
        return replace(reading, is_certain=False, reason=f"{reading.text!r}: {_N_FOR_M}")
    x, y, width, height = box
    before = min(x, height)
    wide = cut_out(gray, (x - before, y, width + before, height))
    digits = sum(character.isdigit() for character in reading.text)
    hidden = hidden_print(wide, np.pad(ink, ((0, 0), (before, 0))), level, letters=digits, before=before)
    hidden = "point" if reading.point_in_doubt else hidden
    if hidden == "point" and (reading.point_in_doubt or has_no_point(reading)):
        return replace(reading, is_certain=False, reason=f"{reading.text!r}: {_POINT_LOST}")
    if hidden == "first point" and not re.search(r"[.,]", reading.text):
        return replace(reading, is_certain=False, reason=f"{reading.text!r}: {_FIRST_POINT_LOST}")
    return replace(reading, on_readers_alone=True) if hidden == "letter" else reading


def _may_be_nanometres(reading: LabelReading) -> bool:
    """Whether an ``mm`` rests on readers that are not quite sure: small and touching letters make one of ``nm``."""
    is_mm = reading.value is not None and reading.value.unit == "mm"
    return is_mm and reading.on_readers_alone and reading.confidence < _SURE_OF_MM


def _labels(
    gray: NDArray[np.uint8], region: DataBar, ink: NDArray[np.uint8], pieces: NDArray[np.int32], segment: Segment
) -> Iterator[tuple[DataBar, NDArray[np.uint8], LabelBox]]:
    """The texts near a segment; on a picture, paler and thinner print is looked for when that was not enough."""
    for label in find_label_boxes(ink, region, segment, pieces=pieces)[:_MOST_LABELS]:
        yield region, ink, label
    if region.paper != "picture" or segment.kind == "inside":
        return
    near, near_ink = neighbourhood(gray, region, segment.box)
    for paler in (near_ink, thin_print(gray, near)):
        for label in find_label_boxes(paler, near, segment)[:_MOST_LABELS]:
            # The window ends somewhere: what it cuts is no label, and the other half of a bar may lie beyond it.
            if not _is_cut(label, near, gray.shape[1]) and not stroke_goes_on(ink, region, segment, label):
                yield near, paler, label


def _is_cut(label: LabelBox, window: DataBar, width: int) -> bool:
    """Whether a text touches the left or right edge of a window within a picture of some width."""
    left, right = label.box[0], label.box[0] + label.box[2]
    return (left <= window.left > 0) or (right >= window.right < width)


def searched_regions(gray: NDArray[np.uint8], bar: DataBar | None) -> Iterator[Region]:
    """The regions to search, their ink and its pieces; the stripe first, boxes on the picture before print on it."""
    if bar is not None:
        yield bar, *ink_and_pieces(gray, bar)
        if bar.is_stripe:
            return
    overlays = overlay_regions(gray)
    # Within a box all print is whole: boxes of either level go before print of either level.
    for tolerance in sorted({region.tolerance for region in overlays}):
        alike = [(one, *ink_and_pieces(gray, one)) for one in overlays if one.tolerance == tolerance]
        for region, ink, pieces in alike:
            for box in find_boxes(gray, ink, region, pieces):
                yield box, *ink_and_pieces(gray, box)
        yield from alike


def stroke_regions(gray: NDArray[np.uint8]) -> Iterator[Region]:
    for region in flat_stroke_regions(gray):
        yield region, *ink_and_pieces(gray, region)


def _rivals(segment: Segment, segments: list[Segment]) -> tuple[Segment, ...]:
    """The other segments of a segment's kind and thickness that do not overlap it."""
    return tuple(
        other
        for other in segments
        if other.kind == segment.kind
        and abs(other.line_box[3] - segment.line_box[3]) <= _SAME_THICKNESS_PX
        and not overlap(segment, other)
    )


def another_bar(gray: NDArray[np.uint8], accepted: ScaleCandidate, memory: LabelMemory) -> ScaleCandidate | None:
    """Look whether a bar like the accepted one, with a label of its own, states another scale.

    Figures of several panels look like that, where each panel has a bar.
    """
    if not accepted.rivals or accepted.label is None:
        return None
    region = accepted.bar
    ink, pieces = ink_and_pieces(gray, region)
    for segment in accepted.rivals[:_MOST_RIVALS]:
        for label in find_label_boxes(ink, region, segment, pieces=pieces)[:1]:
            if label.place != accepted.label.place or label.box == accepted.label.box:
                continue
            crop = text_crop(gray, label.box, label_ink(ink, region, label), fringe_px=region.fringe_px)
            digest, reading = memory.read(crop)
            other = ScaleCandidate(region, with_exact_length(gray, segment), label, reading, digest)
            if reading.is_certain and other.nm_per_px is not None:
                return other
    return None


def read_in_gray(
    candidate: ScaleCandidate,
    gray: NDArray[np.uint8],
    print_alone: NDArray[np.uint8],
    memory: LabelMemory,
    *,
    blurred: bool,
) -> list[ScaleCandidate]:
    """The same label of coloured print, read where it has lost its colour, which a JPEG keeps with all pixels.

    Once with the specimen behind it, and once with only what has the least trace of colour. Beside a blurred one there
    is room for a letter that may be missing as a whole.
    """
    assert candidate.label is not None
    x, y, width, height = candidate.label.box
    margin = height if blurred else 0
    left, right = max(0, x - margin), min(gray.shape[1], x + width + margin)
    box = left, y, right - left, height
    colour = cut_out(print_alone, box)
    trace = np.asarray(colour > _TRACE * colour.max(), dtype=np.uint8)
    # A line of text covers less than half of its box: its paper is the median.
    crops = text_crop(gray, box, np.zeros_like(trace)), text_crop(gray, box, trace, fringe_px=1)
    read = [memory.read(crop) for crop in crops]
    return [replace(candidate, reading=reading, crop=digest) for digest, reading in read]


def cut_out(gray: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    return gray[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]


def has_no_point(reading: LabelReading) -> bool:
    """Whether a number of two digits or more was read without a point: what a crop from a specimen loses first."""
    digits = re.sub(r"[^0-9.,]", "", reading.text)
    return len(digits) >= 2 and digits.isdigit()
