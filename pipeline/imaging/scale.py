"""The physical scale of a micrograph: nanometres a pixel from picture and metadata, or why there are none.

The steps, each in a file of its own: the region (`databar`), the segment (`segment`), the place of its label
(`label_box`), the text (`label_text`), the value (`label_value`), the evidence (`label_shape`,
`label_evidence`). Here they are strung together, checked against the picture's size and the metadata, and put
into a status. A value is given only with enough evidence: one wrong scale is worse than ten missing.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, islice, tee
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.colour_print import colour_print, printed_region
from pipeline.imaging.databar import (
    DataBar,
    find_data_bar,
    ink_and_pieces,
    is_drawing,
    neighbourhood,
    overlay_regions,
    thin_print,
)
from pipeline.imaging.decode import decode_image
from pipeline.imaging.flat_strokes import flat_stroke_regions
from pipeline.imaging.hidden_point import may_hide_a_point
from pipeline.imaging.label_box import LabelBox, find_label_boxes, label_ink
from pipeline.imaging.label_evidence import LabelReading, as_micrometres
from pipeline.imaging.label_memory import LabelMemory
from pipeline.imaging.label_text import TextReader, text_crop
from pipeline.imaging.segment import Segment, find_boxes, find_segments, is_frame_side, with_exact_length
from pipeline.imaging.tilt import find_tilt, straightened, tilted_box
from pipeline.records import SCALE_AGREEMENT, DecodedImage, ScaleReading, ScaleStatus

_NM_PER_PX: Final = (0.001, 1e5)
"""A bar of 1 nm, the shortest in use, may be 1,000 px long."""

_WIDEST_FIELD_NM: Final = 3e7
_SHORTEST_BAR_FRACTION: Final = 0.015
_MOST_SEGMENTS: Final = 6
_MOST_LABELS: Final = 3
_MOST_READINGS: Final = 12
_AS_COLOURED: Final = 0.6
_POINT_LOST: Final = "something paler at the feet of two digits may be a decimal point"
_CROPS_DIFFER: Final = "something else in another crop of the same print"


@dataclass(frozen=True, slots=True)
class ScaleCandidate:
    """One segment with one text read as its label; `reading` is None where no text was found near it.

    `crop` is the digest of the text's crop (`pipeline.imaging.label_memory.crop_digest`).
    """

    bar: DataBar
    segment: Segment
    label: LabelBox | None = None
    reading: LabelReading | None = None
    crop: str = ""

    @property
    def nm_per_px(self) -> float | None:
        """Nanometres a pixel, if the text is a length."""
        if self.reading is None or self.reading.value is None:
            return None
        return self.reading.value.scale_nm / self.segment.length_px


def read_scale(
    image: NDArray[np.generic] | DecodedImage | str | Path | bytes,
    *,
    metadata_nm_per_px: float | None = None,
    reader: TextReader | None = None,
    further_reader: TextReader | None = None,
    labels: LabelMemory | None = None,
    coloured: NDArray[np.uint8] | None = None,
) -> ScaleReading:
    """Read the physical scale of a picture.

    Parameters
    ----------
    image : ndarray, DecodedImage, str, Path or bytes
        A uint8 gray array [height, width], a decoded picture, a file's path or its content.
    metadata_nm_per_px : float, optional
        Nanometres a pixel as the vendor's metadata states them; taken from the decoded picture when not
        given.
    reader : TextReader, optional
        What recognises text; default the network that comes with RapidOCR, one for each process.
    further_reader : TextReader, optional
        Asked where the first one is not enough, e.g. `pipeline.imaging.label_text.tesseract_reader()`.
        Default: none, so that the result does not depend on what is installed on a machine.
    labels : LabelMemory, optional
        What reads the labels, remembering each distinct crop; with its own readers, so that ``reader`` and
        ``further_reader`` must be left out.

    coloured : uint8 ndarray [height, width], optional
        The coloured print on a gray picture, as `pipeline.imaging.colour_print.colour_print` takes it off; found in a
        decoded picture or file, needed beside an array only.

    Returns
    -------
    ScaleReading
        Always, also for a constant or tiny picture. ``bar_top_px`` is given with any status when there is a
        stripe. With ``agrees`` the value is the metadata's: a bar's length is rounded to pixels.

    Raises
    ------
    UsageError
        For an array that is not uint8 [height, width], a ``metadata_nm_per_px`` that is not above zero, or
        ``labels`` together with a reader.
    ImageError
        If a file cannot be decoded.

    Notes
    -----
    About 5 to 10 ms of CPU for a picture of 1 megapixel, and 10 to 30 ms more for a label whose crop was not
    seen before in this process.
    """
    gray, from_file, colours = _as_gray(image)
    coloured = colour_print(colours) if coloured is None and colours is not None else coloured
    metadata = metadata_nm_per_px if metadata_nm_per_px is not None else from_file
    if metadata is not None and not (np.isfinite(metadata) and metadata > 0):
        raise UsageError(f"metadata_nm_per_px is {metadata}; expected a finite number above zero, or None.")
    if labels is not None and (reader is not None or further_reader is not None):
        raise UsageError("read_scale got labels and a reader; expected one of them: labels have their own readers.")
    bar = find_data_bar(gray)
    bar_top = bar.top if bar is not None and bar.is_stripe else None
    memory = labels or _memory_of(reader, further_reader)
    key = _stripe_key(gray, bar)
    known = memory.stripes.get(key) if key is not None else None
    accepted: ScaleCandidate | None
    seen: list[ScaleCandidate] = []
    if known is not None:
        for asked in known:
            memory.use(asked.crop, asked.reading)
        accepted = known[-1]
    else:
        accepted, seen = _search(gray, bar, memory, key)
    if accepted is None and coloured is not None:
        accepted, further = _coloured(coloured, memory)
        seen = [*seen, *further]
    if accepted is None and not any(_speaks_of_print(one) for one in seen):
        accepted, further = _first_certain(_candidates(gray, _flat_strokes(gray), memory), gray.shape[1])
        seen = [*seen, *further]
    if accepted is not None and is_drawing(gray, bar):
        seen, accepted = [_in_doubt(accepted, "the picture is mostly blank, as charts are")], None
    if accepted is not None:
        return _from_certain(accepted, metadata, bar_top)
    return _from_uncertain(seen, metadata, bar, gray.shape[1])


def _search(
    gray: NDArray[np.uint8], bar: DataBar | None, memory: LabelMemory, key: bytes | None
) -> tuple[ScaleCandidate | None, list[ScaleCandidate]]:
    """The first candidate that stands alone, or else all that were seen."""
    seen: list[ScaleCandidate] = []
    held: list[ScaleCandidate] = []
    for candidate, is_straight in _straight_or_tilted(gray, bar, memory):
        if held and not is_straight:
            break
        if _is_certain(candidate, gray.shape[1]):
            if not _needs_more(candidate):
                if _is_disputed(candidate, seen) or not _all_agree([*held, candidate]):
                    return None, [_in_doubt(one) for one in (*held, candidate)]
                # What was read after turning the picture rests on more than the stripe.
                if key is not None and is_straight:
                    memory.keep_stripe(key, [one for one in (*seen, candidate) if one.reading is not None])
                return candidate, seen
            held.append(candidate)
        seen.append(candidate)
    if not held:
        return None, seen
    agreed = _all_agree(held) and not _is_disputed(held[0], seen)
    return (held[0], seen) if agreed else (None, [_in_doubt(one) for one in held])


def _speaks_of_print(candidate: ScaleCandidate) -> bool:
    """Whether a candidate is unmistakably print, though it could not be read beyond doubt."""
    return candidate.bar.is_stripe or candidate.nm_per_px is not None


def _flat_strokes(gray: NDArray[np.uint8]) -> Iterator[tuple[DataBar, NDArray[np.uint8], NDArray[np.int32]]]:
    for region in flat_stroke_regions(gray):
        yield region, *ink_and_pieces(gray, region)


def _first_certain(
    candidates: Iterator[ScaleCandidate], width: int
) -> tuple[ScaleCandidate | None, list[ScaleCandidate]]:
    """The first certain candidate where all certain ones agree, else those that may be what is printed."""
    seen = list(candidates)
    held = [one for one in seen if _is_certain(one, width)]
    if not held:
        return None, [one for one in seen if one.nm_per_px is not None]
    if not _all_agree(held) or _is_disputed(held[0], seen):
        return None, [_in_doubt(one) for one in held]
    return held[0], []


def _coloured(
    print_alone: NDArray[np.uint8], memory: LabelMemory
) -> tuple[ScaleCandidate | None, list[ScaleCandidate]]:
    """The first certain candidate in coloured print, if its bar is as strongly coloured as its label.

    JPEGs keep colours in blocks of two pixels, which pales a thin line and lengthens it.
    """
    candidates = _candidates(print_alone, _regions(print_alone, printed_region(print_alone)), memory)
    seen = []
    for one in candidates:
        seen.append(one)
        if _is_certain(one, print_alone.shape[1]) and one.label is not None:
            bar, label = (_cut_out(print_alone, box) for box in (one.segment.line_box, one.label.box))
            if np.median(bar) >= _AS_COLOURED * np.percentile(label, 95) and not _is_disputed(one, seen):
                return one, []
            return None, [_in_doubt(one, "the bar is paler than its label, or another crop shows a point")]
    return None, [one for one in seen if one.nm_per_px is not None]


def _cut_out(gray: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    return gray[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]


@cache
def _default_memory() -> LabelMemory:
    return LabelMemory()


def _memory_of(reader: TextReader | None, further_reader: TextReader | None) -> LabelMemory:
    if reader is not None or further_reader is not None:
        return LabelMemory(reader=reader, further_reader=further_reader)
    memory = _default_memory()
    memory.used.clear()
    return memory


def _is_certain(candidate: ScaleCandidate, width: int) -> bool:
    if candidate.reading is None or not candidate.reading.is_certain:
        return False
    return _implausible(candidate, width) == ""


def _needs_more(candidate: ScaleCandidate) -> bool:
    """Whether other crops of the same print must be heard first: on a specimen a faint stroke may be lost in one."""
    assert candidate.reading is not None
    return candidate.bar.paper == "picture" and candidate.reading.on_readers_alone


def _has_no_point(reading: LabelReading) -> bool:
    """Whether a number of two digits or more was read without a point: what a crop from a specimen loses first."""
    digits = re.sub(r"[^0-9.,]", "", reading.text)
    return len(digits) >= 2 and digits.isdigit()


def _is_disputed(candidate: ScaleCandidate, others: Iterable[ScaleCandidate]) -> bool:
    """Whether another crop of the same print shows a decimal point where this one shows none."""
    assert candidate.reading is not None
    if candidate.bar.paper != "picture" or not _has_no_point(candidate.reading):
        return False
    number = re.sub(r"[^0-9]", "", candidate.reading.text)
    for other in others:
        seen = re.match(r"[^0-9]{0,2}([0-9]+[.,][0-9]+)", other.reading.text) if other.reading is not None else None
        if seen is not None and re.sub(r"[^0-9]", "", seen[1]) == number:
            return True
    return False


def _all_agree(candidates: list[ScaleCandidate]) -> bool:
    values = [one.nm_per_px for one in candidates if one.nm_per_px is not None]
    return all(_agree(value, values[0]) for value in values)


def _in_doubt(candidate: ScaleCandidate, why: str = _CROPS_DIFFER) -> ScaleCandidate:
    assert candidate.reading is not None
    reason = f"{candidate.reading.text!r} was read, but {why}"
    return replace(candidate, reading=replace(candidate.reading, is_certain=False, reason=reason))


def _stripe_key(gray: NDArray[np.uint8], bar: DataBar | None) -> bytes | None:
    """What a reading on a stripe depends on, and nothing else: where it is, and its pixels. None without a stripe.

    So a stripe that was seen before can be remembered without an answer that depends on the order of pictures.
    """
    if bar is None or not bar.is_stripe:
        return None
    place = np.array([*gray.shape, bar.top, bar.bottom, bar.left, bar.right, bar.level], dtype=np.int64)
    stripe = np.ascontiguousarray(gray[bar.top : bar.bottom])
    return hashlib.sha1(place.tobytes() + stripe.tobytes(), usedforsecurity=False).digest()


def _straight_or_tilted(
    gray: NDArray[np.uint8], bar: DataBar | None, memory: LabelMemory
) -> Iterator[tuple[ScaleCandidate, bool]]:
    """The candidates of the picture as it is, then those of the picture set straight where print is tilted."""
    regions, again = tee(_regions(gray, bar))
    for candidate in _candidates(gray, regions, memory):
        yield candidate, True
    tilts = (find_tilt(ink, pieces) for _, ink, pieces in again)
    tilt = next((angle for angle in tilts if angle is not None), None)
    if tilt is None:
        return
    straight = straightened(gray, tilt)
    straight_bar = find_data_bar(straight) or bar
    for candidate in _candidates(straight, _regions(straight, straight_bar), memory):
        box = tilted_box(candidate.segment.box, tilt, gray.shape)
        label = candidate.label
        if label is not None:
            label = replace(label, box=tilted_box(label.box, tilt, gray.shape))
        yield replace(candidate, segment=replace(candidate.segment, box=box), label=label), False


def scale_candidates(
    gray: NDArray[np.uint8],
    bar: DataBar | None,
    *,
    reader: TextReader | None = None,
    further_reader: TextReader | None = None,
) -> Iterator[ScaleCandidate]:
    """Read the labels of a picture's possible scale segments one after the other, the likeliest first.

    Lazy: the caller stops when a candidate satisfies. A picture without a stripe of its own is searched for
    print on the specimen too. At most twelve labels are read.
    """
    return _candidates(gray, _regions(gray, bar), LabelMemory(reader=reader, further_reader=further_reader))


def _candidates(
    gray: NDArray[np.uint8],
    regions: Iterable[tuple[DataBar, NDArray[np.uint8], NDArray[np.int32]]],
    memory: LabelMemory,
) -> Iterator[ScaleCandidate]:
    budget = _MOST_READINGS
    for region, ink, pieces in regions:
        for rough in find_segments(ink, region, pieces=pieces)[:_MOST_SEGMENTS]:
            segment = with_exact_length(gray, rough)
            if region.paper == "picture" and segment.kind in ("solid", "line") and is_frame_side(gray, segment):
                continue
            labels = _labels(gray, region, ink, pieces, segment)
            first = next(labels, None)
            if first is None and segment.kind != "inside":
                yield ScaleCandidate(region, segment)
            for place, place_ink, label in islice(chain([first] if first else [], labels), budget):
                budget -= 1
                fringe_px = None if label.place == "inside" else place.fringe_px
                printed = label_ink(place_ink, place, label)
                digest, reading = memory.read(text_crop(gray, label.box, printed, fringe_px=fringe_px))
                if fringe_px is not None and reading.is_certain and _has_no_point(reading):
                    if may_hide_a_point(_cut_out(gray, label.box), printed, place.level):
                        reading = replace(reading, is_certain=False, reason=f"{reading.text!r}: {_POINT_LOST}")
                yield ScaleCandidate(region, segment, label, reading, digest)


def _labels(
    gray: NDArray[np.uint8], region: DataBar, ink: NDArray[np.uint8], pieces: NDArray[np.int32], segment: Segment
) -> Iterator[tuple[DataBar, NDArray[np.uint8], LabelBox]]:
    """The texts near a segment; on a picture, paler and thinner print is looked for when that was not enough."""
    for label in find_label_boxes(ink, region, segment, pieces=pieces)[:_MOST_LABELS]:
        yield region, ink, label
    if region.paper != "picture" or segment.kind == "inside":
        return
    near, near_ink = neighbourhood(gray, region, segment.box)
    for label in find_label_boxes(near_ink, near, segment)[:_MOST_LABELS]:
        yield near, near_ink, label
    thin = thin_print(gray, near)
    for label in find_label_boxes(thin, near, segment)[:_MOST_LABELS]:
        yield near, thin, label


def _regions(
    gray: NDArray[np.uint8], bar: DataBar | None
) -> Iterator[tuple[DataBar, NDArray[np.uint8], NDArray[np.int32]]]:
    """The regions to search, their ink and its pieces; the stripe first, boxes on the picture before print on it."""
    if bar is not None:
        yield bar, *ink_and_pieces(gray, bar)
        if bar.is_stripe:
            return
    for region in overlay_regions(gray):
        ink, pieces = ink_and_pieces(gray, region)
        for box in find_boxes(gray, ink, region, pieces):
            yield box, *ink_and_pieces(gray, box)
        yield region, ink, pieces


def _as_gray(
    image: NDArray[np.generic] | DecodedImage | str | Path | bytes,
) -> tuple[NDArray[np.uint8], float | None, NDArray[np.generic] | None]:
    """The picture as uint8 gray, what its metadata say, and its colours if there may be some."""
    if isinstance(image, np.ndarray):
        if image.ndim != 2 or image.dtype != np.uint8:
            raise UsageError(
                f"an array of shape {image.shape} and type {image.dtype}; expected uint8 [height, width]. "
                "Pass the file, or convert it with pipeline.imaging.canonical.to_gray8."
            )
        return image.astype(np.uint8, copy=False), None, None
    if isinstance(image, (str, Path)):
        image = Path(image).read_bytes()
    decoded = decode_image(image) if isinstance(image, bytes) else image
    return to_gray8(decoded), decoded.nm_per_px, decoded.pixels if decoded.pixels.ndim == 3 else None


def _implausible(candidate: ScaleCandidate, width: int) -> str:
    """Why no microscope would print this scale on a picture of this width; empty if one would."""
    nm_per_px = candidate.nm_per_px
    if nm_per_px is None:
        return "no length was read"
    if not _NM_PER_PX[0] <= nm_per_px <= _NM_PER_PX[1]:
        return f"{nm_per_px:g} nm a pixel is outside {_NM_PER_PX[0]:g} to {_NM_PER_PX[1]:g}"
    if nm_per_px * width > _WIDEST_FIELD_NM:
        return f"the field would be {nm_per_px * width / 1e6:.0f} mm wide"
    if candidate.segment.length_px < _SHORTEST_BAR_FRACTION * width:
        return f"a bar of {candidate.segment.length_px:.0f} px is too short for a picture of {width} px"
    return ""


def _from_certain(candidate: ScaleCandidate, metadata: float | None, bar_top: int | None) -> ScaleReading:
    """The record of a bar that was read beyond doubt, held against the metadata."""
    assert candidate.reading is not None
    assert candidate.nm_per_px is not None
    reason = candidate.reading.reason
    if metadata is None:
        return _record(candidate, "read", candidate.nm_per_px, None, bar_top, f"bar: {reason}")
    if _agree(candidate.nm_per_px, metadata):
        return _record(candidate, "agrees", metadata, metadata, bar_top, f"metadata and bar agree; bar: {reason}")
    times = candidate.nm_per_px / metadata
    reason = f"the bar gives {candidate.nm_per_px:.6g} nm a pixel, {times:.4g} times the metadata's value"
    return _record(candidate, "disagrees", None, metadata, bar_top, reason)


def _from_uncertain(
    seen: list[ScaleCandidate], metadata: float | None, bar: DataBar | None, width: int
) -> ScaleReading:
    """The record where no candidate stands alone: metadata may bear one out; else the status says why not."""
    bar_top = bar.top if bar is not None and bar.is_stripe else None
    if metadata is not None:
        for candidate in (variant for one in seen for variant in _variants(one)):
            if candidate.nm_per_px is not None and _agree(candidate.nm_per_px, metadata):
                return _record(candidate, "agrees", metadata, metadata, bar_top, "the metadata bear the bar out")
    status, reason, best = _shortcoming(seen, bar, width)
    if metadata is not None:
        return _record(best, "metadata", metadata, metadata, bar_top, f"metadata; bar: {reason}")
    return _record(best, status, None, None, bar_top, reason)


def _variants(candidate: ScaleCandidate) -> list[ScaleCandidate]:
    """The candidate, and with ``pm`` for a printed ``µm`` undone."""
    reading = candidate.reading
    if reading is None or reading.value is None or reading.value.unit != "pm":
        return [candidate]
    changed = LabelReading(reading.text, as_micrometres(reading.value), False, reading.confidence, reading.reason)
    return [candidate, replace(candidate, reading=changed)]


def _shortcoming(
    seen: list[ScaleCandidate], bar: DataBar | None, width: int
) -> tuple[ScaleStatus, str, ScaleCandidate | None]:
    """How far reading got: status, reason, and the candidate that got farthest."""
    valued = [one for one in seen if one.nm_per_px is not None]
    if valued:
        assert valued[0].reading is not None
        return "uncertain", _implausible(valued[0], width) or valued[0].reading.reason, valued[0]
    # On the specimen itself only a ruler is unmistakable: anything else without a length is texture.
    marks = [one for one in seen if one.bar.is_stripe or one.segment.kind == "ruler"]
    read = [one for one in marks if one.reading is not None and one.reading.text]
    if read:
        assert read[0].reading is not None
        return (
            "no_unit",
            f"no text near a segment is a length; the nearest: {read[0].reading.reason}",
            read[0],
        )
    if marks:
        return "no_text", "there is a segment, but no readable text near it", marks[0]
    if bar is not None and bar.is_stripe:
        return "no_segment", "there is a data bar, but nothing on it looks like a scale segment", None
    return "no_bar", "no data bar, and no scale printed on the picture", None


def _agree(first: float, second: float) -> bool:
    return abs(first - second) <= SCALE_AGREEMENT * second


def _record(
    candidate: ScaleCandidate | None,
    status: ScaleStatus,
    nm_per_px: float | None,
    metadata: float | None,
    bar_top: int | None,
    reason: str,
) -> ScaleReading:
    value = candidate.reading.value if candidate is not None and candidate.reading is not None else None
    raw_text = candidate.reading.text if candidate is not None and candidate.reading is not None else ""
    certainty = candidate.reading.confidence if candidate is not None and candidate.reading is not None else 0.0
    sources: dict[str, Literal["bar", "both", "metadata"]] = {
        "read": "bar",
        "agrees": "both",
        "metadata": "metadata",
    }
    return ScaleReading(
        status=status,
        source=sources.get(status, ""),
        text=raw_text if value is None else value.text,
        scale_nm=None if value is None else value.scale_nm,
        bar_length_px=None if candidate is None else candidate.segment.length_px,
        nm_per_px=nm_per_px,
        metadata_nm_per_px=metadata,
        confidence=1.0 if status in ("agrees", "metadata") else certainty,
        reason=reason,
        bar_top_px=bar_top,
        segment_box=None if candidate is None else candidate.segment.box,
        text_box=None if candidate is None or candidate.label is None else candidate.label.box,
        crop="" if candidate is None else candidate.crop,
    )
