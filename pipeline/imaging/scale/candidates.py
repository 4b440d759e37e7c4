"""The places of a picture where a scale may be printed, their segments, and the text read beside each.

Lazy: the caller stops when a candidate satisfies. A picture without a stripe of its own is searched for print on the
specimen too. At most twelve labels are read.
"""

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
from pipeline.imaging.scale.labels.box import LabelBox, find_label_boxes, label_foreground, stroke_goes_on
from pipeline.imaging.scale.labels.faint_print import Asked, read_both
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.recognition.text import text_crop
from pipeline.imaging.scale.regions.databar import (
    DataBar,
    find_data_bar,
    foreground_and_pieces,
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

Region = tuple[DataBar, NDArray[np.uint8], NDArray[np.int32]]
"""A region, its foreground and the foreground's pieces."""


@dataclass(frozen=True, slots=True)
class Print:
    """A label as it is printed: what the rules on it look at, in the pixels of the picture that it was read in.

    Attributes
    ----------
    gray : uint8 ndarray, [height, width]
        That picture; turned, where print is tilted.
    label : LabelBox
    foreground : uint8 ndarray, [label height, label width]
        1 where there is foreground.
    level : int
        The foreground's gray level.
    segment : Segment
    is_told_by_level : bool
        Whether the letters were told from what is behind them by their level alone, so that parts may be lost.
    """

    gray: NDArray[np.uint8]
    label: LabelBox
    foreground: NDArray[np.uint8]
    level: int
    segment: Segment
    is_told_by_level: bool


@dataclass(frozen=True, slots=True)
class ScaleCandidate:
    """One segment with one text read as its label; `reading` is None where no text was found near it.

    `crop` is the digest of the text's crop (`pipeline.imaging.scale.recognition.memory.crop_digest`), `rivals` are the
    region's other segments of the same kind; `is_last` says that no further crop of the same segment and region
    follows; `asked` are all crops of the text that were read. The rest is set by `pipeline.imaging.scale.decision`:
    `is_ruled_out` says that something besides its text speaks against it, `on_plain_ground` of print on a picture that
    nothing but print stands out from the ground around it, `rule` which rule decided last; `printed` is what its rules
    look at, and goes when they were asked.
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
    rule: str = ""
    printed: Print | None = None

    @property
    def nm_per_px(self) -> float | None:
        """Nanometres a pixel, if the text is a length."""
        if self.reading is None or self.reading.value is None:
            return None
        return self.reading.value.scale_nm / self.segment.length_px

    @property
    def is_length(self) -> bool:
        """Whether readers are sure that the text is a length."""
        return self.reading is not None and self.reading.is_certain and self.nm_per_px is not None


def straight_or_tilted(
    gray: NDArray[np.uint8], bar: DataBar | None, memory: LabelMemory
) -> Iterator[tuple[ScaleCandidate, bool]]:
    """The candidates of the picture as it is, then those of the picture set straight where print is tilted."""
    regions, again = tee(searched_regions(gray, bar))
    for candidate in read_candidates(gray, regions, memory):
        yield candidate, True
    tilts = (find_tilt(foreground, pieces) for _, foreground, pieces in again)
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
    for region, foreground, pieces in regions:
        segments = find_segments(foreground, region, pieces=pieces)[:_MOST_SEGMENTS]
        for rough in segments:
            segment = with_exact_length(gray, rough)
            if region.background == "picture" and _is_no_bar(gray, region, segment):
                continue
            labels = _labels(gray, region, foreground, pieces, segment)
            first = next(labels, None)
            if first is None and segment.kind != "inside":
                yield ScaleCandidate(region, segment)
            following = islice(chain([first] if first else [], labels), budget)
            ahead = next(following, None)
            while ahead is not None:
                (place, place_foreground, label), ahead = ahead, next(following, None)
                budget -= 1
                fringe_px = None if label.place == "inside" else place.fringe_px
                printed = label_foreground(place_foreground, place, label)
                crop = text_crop(gray, label.box, printed, fringe_px=fringe_px)
                asked, reading = read_both(gray, label.box, printed, crop, memory)
                digest = asked[-1][0]
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
                    printed=Print(gray, label, printed, place.level, segment, fringe_px is not None),
                )


def _is_no_bar(gray: NDArray[np.uint8], region: DataBar, segment: Segment) -> bool:
    level = region.level
    return is_frame_side(gray, segment) or has_paler_ticks(gray, segment, level) or is_outline(gray, segment, level)


def _labels(
    gray: NDArray[np.uint8], region: DataBar, foreground: NDArray[np.uint8], pieces: NDArray[np.int32], segment: Segment
) -> Iterator[tuple[DataBar, NDArray[np.uint8], LabelBox]]:
    """The texts near a segment; on a picture, paler and thinner print is looked for when that was not enough."""
    for label in find_label_boxes(foreground, region, segment, pieces=pieces)[:_MOST_LABELS]:
        yield region, foreground, label
    if region.background != "picture" or segment.kind == "inside":
        return
    near, near_foreground = neighbourhood(gray, region, segment.box)
    for paler in (near_foreground, thin_print(gray, near)):
        for label in find_label_boxes(paler, near, segment)[:_MOST_LABELS]:
            # The window ends somewhere: what it cuts is no label, and the other half of a bar may lie beyond it.
            if not _is_cut(label, near, gray.shape[1]) and not stroke_goes_on(foreground, region, segment, label):
                yield near, paler, label


def _is_cut(label: LabelBox, window: DataBar, width: int) -> bool:
    """Whether a text touches the left or right edge of a window within a picture of some width."""
    left, right = label.box[0], label.box[0] + label.box[2]
    return (left <= window.left > 0) or (right >= window.right < width)


def searched_regions(gray: NDArray[np.uint8], bar: DataBar | None) -> Iterator[Region]:
    """The regions to search, their foreground and its pieces; the stripe first, boxes on the picture before print."""
    if bar is not None:
        yield bar, *foreground_and_pieces(gray, bar)
        if bar.is_stripe:
            return
    overlays = overlay_regions(gray)
    # Within a box all print is whole: boxes of either level go before print of either level.
    for tolerance in sorted({region.tolerance for region in overlays}):
        alike = [(one, *foreground_and_pieces(gray, one)) for one in overlays if one.tolerance == tolerance]
        for region, foreground, pieces in alike:
            for box in find_boxes(gray, foreground, region, pieces):
                yield box, *foreground_and_pieces(gray, box)
        yield from alike


def stroke_regions(gray: NDArray[np.uint8]) -> Iterator[Region]:
    for region in flat_stroke_regions(gray):
        yield region, *foreground_and_pieces(gray, region)


def _rivals(segment: Segment, segments: list[Segment]) -> tuple[Segment, ...]:
    """The other segments of a segment's kind and thickness that do not overlap it."""
    return tuple(
        other
        for other in segments
        if other.kind == segment.kind
        and abs(other.line_box[3] - segment.line_box[3]) <= _SAME_THICKNESS_PX
        and not overlap(segment, other)
    )


def other_bars(gray: NDArray[np.uint8], accepted: ScaleCandidate, memory: LabelMemory) -> Iterator[ScaleCandidate]:
    """The bars like an accepted one, with labels of their own in the same place, as figures of several panels have."""
    if not accepted.rivals or accepted.label is None:
        return
    region = accepted.bar
    foreground, pieces = foreground_and_pieces(gray, region)
    for segment in accepted.rivals[:_MOST_RIVALS]:
        for label in find_label_boxes(foreground, region, segment, pieces=pieces)[:1]:
            if label.place != accepted.label.place or label.box == accepted.label.box:
                continue
            crop = text_crop(gray, label.box, label_foreground(foreground, region, label), fringe_px=region.fringe_px)
            digest, reading = memory.read(crop)
            yield ScaleCandidate(region, with_exact_length(gray, segment), label, reading, digest)


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
    # A line of text covers less than half of its box: its background is the median.
    crops = text_crop(gray, box, np.zeros_like(trace)), text_crop(gray, box, trace, fringe_px=1)
    read = [memory.read(crop) for crop in crops]
    return [replace(candidate, reading=reading, crop=digest) for digest, reading in read]


def cut_out(gray: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    return gray[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
