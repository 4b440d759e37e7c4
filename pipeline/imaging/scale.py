"""The physical scale of a micrograph: nanometres a pixel from picture and metadata, or why there are none.

The steps, each in a file of its own: the region (`databar`), the segment (`segment`), the place of its label
(`label_box`), the text (`label_text`), the value (`label_value`), the evidence (`label_shape`, `label_evidence`),
strung together in `scale_candidates`. Here the candidates are held against each other, where they are thin or in doubt
against the settings printed beside them (`settings_evidence`), and against the metadata, and `scale_verdict` makes a
status of it. A value is given only with enough evidence: one wrong scale is worse than ten missing.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.colour_print import colour_print, is_blurred, length_of_coloured_bar, printed_region
from pipeline.imaging.databar import DataBar, find_data_bar, is_drawing, may_be_specimen
from pipeline.imaging.decode import decode_image
from pipeline.imaging.label_memory import LabelMemory
from pipeline.imaging.label_text import TextReader
from pipeline.imaging.label_value import LabelValue
from pipeline.imaging.panels import find_panels
from pipeline.imaging.scale_candidates import (
    ScaleCandidate,
    another_bar,
    cut_out,
    has_no_point,
    read_candidates,
    read_in_gray,
    searched_regions,
    straight_or_tilted,
    stroke_regions,
)
from pipeline.imaging.scale_verdict import agree, from_certain, from_uncertain, implausible
from pipeline.imaging.segment import Segment
from pipeline.imaging.settings_evidence import Word, held_against_settings, with_word
from pipeline.records import DecodedImage, ScaleReading

_DISSENT: Final = 0.7
_AS_COLOURED: Final = 0.6
_THIN_PX: Final = 3
_SAME_END_PX: Final = 2
_FRAME_SHARE: Final = 0.02
_LONGER_BY_SHADOW_PX: Final = 1.5
_NUMBER_WITH_POINT: Final = re.compile(r"[^0-9]{0,2}([0-9]+(?:[.,]|(?<!1) (?!1))[0-9]+)")
"""A space between two digits is what a reader sees of a point that is too pale; a 1 has wide margins."""

_LEADING_NUMBER: Final = re.compile(r"[^0-9]{0,2}([0-9][0-9., ]*)")
_FIRST_POINT: Final = re.compile(r"[^0-9]{0,2}[.,] ?([0-9]+)[^0-9.,]")
_CROPS_DIFFER: Final = "something else in another crop of the same print"


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
    About 1 to 5 ms of CPU for a picture of 1 megapixel, 1 to 10 ms more for a label whose crop was not seen before,
    and some 50 ms where RapidOCR is asked. The first picture on a machine compiles the geometry: some 10 s, once.
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
    accepted, seen = _found_on_picture(gray, bar, memory, key)
    if coloured is not None:
        accepted, seen = _with_colour(accepted, seen, coloured, gray, memory)
    if accepted is None and not any(_speaks_of_print(one) for one in seen):
        accepted, further = _first_certain(read_candidates(gray, stroke_regions(gray), memory), gray.shape[1])
        seen = [*seen, *further]
    word = Word("silent")
    if metadata is None:
        accepted, word = held_against_settings(accepted, seen, gray, bar, memory, key)
    if accepted is not None:
        why = word.reason if word.verdict == "against" else ""
        why = why or "the picture is mostly blank, as charts are" * is_drawing(gray, bar)
        why = why or _other_panel(gray, accepted, memory)
        if why:
            seen, accepted = [_in_doubt(accepted, why)], None
    if accepted is not None:
        return with_word(from_certain(accepted, metadata, bar_top), word)
    return with_word(from_uncertain(seen, metadata, bar, gray.shape[1]), word)


def _found_on_picture(
    gray: NDArray[np.uint8], bar: DataBar | None, memory: LabelMemory, key: bytes | None
) -> tuple[ScaleCandidate | None, list[ScaleCandidate]]:
    """What `_search` finds, or found on the same stripe before; on the whole foot where the stripe may be none."""
    known = memory.stripes.get(key) if key is not None else None
    if known is not None:
        for digest, reading in (asked for one in known for asked in one.asked):
            memory.use(digest, reading)
        return known[-1], []
    accepted, seen = _search(gray, bar, memory, key)
    if bar is None or not bar.is_stripe or any(one.label for one in seen) or not may_be_specimen(gray, bar):
        return accepted, seen
    accepted, further = _search(gray, None, memory, None)
    return accepted, [*seen, *further]


def _search(
    gray: NDArray[np.uint8], bar: DataBar | None, memory: LabelMemory, key: bytes | None
) -> tuple[ScaleCandidate | None, list[ScaleCandidate]]:
    """The first candidate that stands alone, or else all that were seen."""
    seen: list[ScaleCandidate] = []
    held: list[ScaleCandidate] = []
    found = straight_or_tilted(gray, bar, memory)
    for candidate, is_straight in _following(found, held, memory):
        if held and not is_straight:
            break
        if _is_certain(candidate, gray.shape[1]) and not any(_is_cut_off(candidate, one) for one in held):
            held[:] = [one for one in held if not _is_cut_off(one, candidate)]
            if not _needs_more(candidate):
                seen += _other_crops(candidate, found, memory)
                if _is_disputed(candidate, seen) or not _all_agree([*held, candidate]):
                    return None, [_in_doubt(one) for one in (*held, candidate)]
                other = another_bar(gray, candidate, memory) if is_straight else None
                if other is not None and not _all_agree([candidate, other]):
                    why = f"another bar in the picture gives {other.nm_per_px:.4g} nm a pixel"
                    return None, [_in_doubt(candidate, why)]
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


def _following(
    found: Iterator[tuple[ScaleCandidate, bool]], held: list[ScaleCandidate], memory: LabelMemory
) -> Iterator[tuple[ScaleCandidate, bool]]:
    """The candidates that are found; further crops of a bar whose label was held last may only speak against it."""
    value: LabelValue | None = None
    while True:
        with memory.hearing_against(value):
            candidate, is_straight = next(found, (None, True))
        if candidate is None:
            return
        yield candidate, is_straight
        is_held = bool(held) and held[-1].segment.box == candidate.segment.box and not candidate.is_last
        value = held[-1].reading.value if is_held and held[-1].reading is not None else None


def _other_crops(
    candidate: ScaleCandidate, further: Iterator[tuple[ScaleCandidate, bool]], memory: LabelMemory
) -> list[ScaleCandidate]:
    """The other crops of a label on a specimen, in which a stroke may show that one lacks."""
    assert candidate.reading is not None
    assert candidate.reading.value is not None
    if candidate.bar.paper != "picture":
        return []
    crops: list[ScaleCandidate] = []
    last = candidate
    with memory.hearing_against(candidate.reading.value):
        while not last.is_last:
            last = next(further)[0]
            crops.append(last)
    return crops


def _other_panel(gray: NDArray[np.uint8], accepted: ScaleCandidate, memory: LabelMemory) -> str:
    """Why a bar does not hold for a whole figure: another panel has one of another scale; empty where none has."""
    bar = accepted.bar
    frame = int(_FRAME_SHARE * gray.shape[0])
    together = (max(0, bar.top - frame), bar.bottom) if bar.is_stripe else (0, 0)
    panels = find_panels(gray, together=together)
    if len(panels) < 2 or accepted.nm_per_px is None:
        return ""
    x, y = accepted.segment.box[:2]
    for top, bottom, left, right in panels:
        if top <= y < bottom and left <= x < right:
            continue
        reading = read_scale(np.ascontiguousarray(gray[top:bottom, left:right]), labels=memory)
        if reading.nm_per_px is not None and not agree(reading.nm_per_px, accepted.nm_per_px):
            return f"another panel of the figure has a bar of {reading.nm_per_px:.4g} nm a pixel"
    return ""


def _speaks_of_print(candidate: ScaleCandidate) -> bool:
    """Whether a candidate is unmistakably print, though it could not be read beyond doubt."""
    return candidate.bar.is_stripe or candidate.nm_per_px is not None


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


def _with_colour(
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
    if in_colour is not None and _states_another(in_colour, accepted):
        return None, [_in_doubt(accepted, f"in its colour alone it gives {in_colour.nm_per_px:.4g} nm a pixel")]
    for one in ([in_colour] if in_colour else []) + further:
        if _is_same_print(one, accepted):
            return _as_long_as_coloured(accepted, one, print_alone, gray), seen
    return accepted, seen


def _is_same_print(one: ScaleCandidate, other: ScaleCandidate) -> bool:
    """Whether two candidates are the same bar with the same label."""
    if one.reading is None or other.reading is None or one.reading.value is None:
        return False
    is_alike = one.reading.value == other.reading.value and one.segment.kind == other.segment.kind
    return is_alike and _overlap(one.segment, other.segment)


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


def _overlap(one: Segment, other: Segment) -> bool:
    """Whether two segments cover some of the same rows and columns."""
    (x, y, width, height), (other_x, other_y, other_width, other_height) = one.box, other.box
    is_beside = x < other_x + other_width and other_x < x + width
    return is_beside and y < other_y + other_height and other_y < y + height


def _coloured(
    print_alone: NDArray[np.uint8], gray: NDArray[np.uint8], memory: LabelMemory
) -> tuple[ScaleCandidate | None, list[ScaleCandidate]]:
    """The first certain candidate in coloured print, if its bar is as strongly coloured as its label.

    JPEGs keep colours in blocks of two pixels, which pales a thin line and lengthens it, and takes a point away: the
    gray picture, which has all pixels, must not show one.
    """
    candidates = read_candidates(print_alone, searched_regions(print_alone, printed_region(print_alone)), memory)
    seen = []
    for one in candidates:
        seen.append(one)
        if _is_certain(one, print_alone.shape[1]) and one.label is not None:
            why = _doubt_of_colour(one, one.label.box, seen, print_alone, gray, memory)
            length = length_of_coloured_bar(print_alone, gray, one.segment)
            if why or length is None:
                return None, [_in_doubt(one, why or "the ends of the bar are too blurred to measure it")]
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
    if _is_disputed(candidate, seen):
        return _CROPS_DIFFER
    blurred = is_blurred(label)
    in_gray = read_in_gray(candidate, gray, print_alone, memory, blurred=blurred)
    other = next((one for one in in_gray if _states_another(one, candidate)), None)
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


def _states_another(candidate: ScaleCandidate, than: ScaleCandidate) -> bool:
    one, other = candidate.nm_per_px, than.nm_per_px
    return one is not None and other is not None and not agree(one, other)


def _is_beyond_doubt(candidate: ScaleCandidate, width: int) -> bool:
    return _is_certain(candidate, width) and candidate.reading is not None and not candidate.reading.point_in_doubt


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
    return implausible(candidate, width) == ""


def _needs_more(candidate: ScaleCandidate) -> bool:
    """Whether other crops of the same print must be heard first: on a specimen a faint stroke may be lost in one."""
    assert candidate.reading is not None
    return candidate.bar.paper == "picture" and candidate.reading.on_readers_alone


def _is_disputed(candidate: ScaleCandidate, others: Iterable[ScaleCandidate]) -> bool:
    """Whether another crop of print on a specimen shows a point where this one shows none, or another number.

    Or where the shapes do not bear it out, one that begins further left shows a digit more, however unsurely.
    """
    assert candidate.reading is not None
    if candidate.bar.paper != "picture":
        return False
    others = list(others)
    if any(_states_other(one, candidate) and not _is_cut_off(one, candidate) for one in others):
        return True
    if candidate.reading.on_readers_alone and any(_shows_digit_before(one, candidate) for one in others):
        return True
    number = _digits(candidate)
    if not re.search(r"[.,]", candidate.reading.text):
        with_first = (_FIRST_POINT.match(_text(one)) for one in others)
        if any(seen is not None and seen[1] == number for seen in with_first):
            return True
    if not has_no_point(candidate.reading):
        return False
    with_point = (_NUMBER_WITH_POINT.match(_text(one)) for one in others)
    return any(seen is not None and re.sub(r"[^0-9]", "", seen[1]) == number for seen in with_point)


def _states_other(other: ScaleCandidate, candidate: ScaleCandidate) -> bool:
    """Whether the same segment was read as another length, nearly surely."""
    if other.reading is None or candidate.reading is None or other.nm_per_px is None or candidate.nm_per_px is None:
        return False
    is_same_bar = other.segment.box == candidate.segment.box
    if has_no_point(other.reading) and not has_no_point(candidate.reading) and _digits(other) == _digits(candidate):
        return False  # it lost the point that the candidate shows
    return is_same_bar and other.reading.confidence >= _DISSENT and not agree(other.nm_per_px, candidate.nm_per_px)


def _shows_digit_before(other: ScaleCandidate, candidate: ScaleCandidate) -> bool:
    """Whether a crop of the same bar's label that begins further left has the candidate's number and a digit before."""
    if candidate.on_plain_ground or candidate.label is None or other.label is None:
        return False
    seen, number = _LEADING_NUMBER.match(_text(other)), _digits(candidate)
    if seen is None or other.segment.box != candidate.segment.box:
        return False
    digits = re.sub(r"[^0-9]", "", seen[1])
    is_further_left = other.label.box[0] < candidate.label.box[0] - _SAME_END_PX
    return is_further_left and len(digits) > len(number) and digits.endswith(number)


def _is_cut_off(other: ScaleCandidate, candidate: ScaleCandidate) -> bool:
    """Whether a crop shows the end of a label only, where all that stands out from the ground is print.

    A mask that loses the thin strokes of a first digit makes ``5 nm`` of ``0.5 nm``.
    """
    if not candidate.on_plain_ground or candidate.label is None or other.label is None:
        return False
    x, _, width, _ = candidate.label.box
    other_x, _, other_width, _ = other.label.box
    is_end = other_x > x and other_x + other_width <= x + width + _SAME_END_PX
    return is_end and _text(candidate).replace(" ", "").endswith(_text(other).replace(" ", ""))


def _digits(candidate: ScaleCandidate) -> str:
    return re.sub(r"[^0-9]", "", _text(candidate))


def _text(candidate: ScaleCandidate) -> str:
    return candidate.reading.text if candidate.reading is not None else ""


def _all_agree(candidates: list[ScaleCandidate]) -> bool:
    values = [one.nm_per_px for one in candidates if one.nm_per_px is not None]
    return all(agree(value, values[0]) for value in values)


def _in_doubt(candidate: ScaleCandidate, why: str = _CROPS_DIFFER) -> ScaleCandidate:
    assert candidate.reading is not None
    reason = f"{candidate.reading.text!r} was read, but {why}"
    doubtful = replace(candidate.reading, is_certain=False, reason=reason)
    return replace(candidate, reading=doubtful, is_ruled_out=why != _CROPS_DIFFER)


def _stripe_key(gray: NDArray[np.uint8], bar: DataBar | None) -> bytes | None:
    """What a reading on a stripe depends on, and nothing else: where it is, and its pixels. None without a stripe.

    So a stripe that was seen before can be remembered without an answer that depends on the order of pictures.
    """
    if bar is None or not bar.is_stripe:
        return None
    place = np.array([*gray.shape, bar.top, bar.bottom, bar.left, bar.right, bar.level], dtype=np.int64)
    stripe = np.ascontiguousarray(gray[bar.top : bar.bottom])
    return hashlib.sha1(place.tobytes() + stripe.tobytes(), usedforsecurity=False).digest()


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
