"""The physical scale of a micrograph: nanometres a pixel from picture and metadata, or why there are none.

The steps, each in a file of its own: the region (`databar`), the segment (`segment`), the place of its label
(`label_box`), the text (`label_text`), the value (`label_value`), the evidence (`label_shape`, `label_evidence`),
strung together in `scale_candidates`. Here the candidates are held against each other (`scale_disputes`), against
coloured print (`coloured_scale`), where they are thin or in doubt against the settings printed beside them
(`settings_evidence`), and against the metadata; where none of that gives a value, texts and bars are looked for all
over the picture (`decision.rules`), and `scale_verdict` makes a status of it. A value is given only with
enough evidence: one wrong scale is worse than ten missing.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.formats.decode import decode_image
from pipeline.imaging.scale.candidates import (
    ScaleCandidate,
    another_bar,
    read_candidates,
    straight_or_tilted,
    stroke_regions,
)
from pipeline.imaging.scale.decision.coloured import with_colour
from pipeline.imaging.scale.decision.disputes import (
    all_agree,
    in_doubt,
    is_certain,
    is_cut_off,
    is_disputed,
    needs_more,
)
from pipeline.imaging.scale.decision.rules import decide
from pipeline.imaging.scale.decision.verdict import agree, from_certain, from_uncertain
from pipeline.imaging.scale.evidence.settings import Word, held_against_settings, with_word
from pipeline.imaging.scale.labels.value import LabelValue
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.recognition.text import TextReader
from pipeline.imaging.scale.regions.colour_print import colour_print
from pipeline.imaging.scale.regions.databar import DataBar, find_data_bar, is_drawing, may_be_specimen
from pipeline.imaging.scale.regions.panels import find_panels
from pipeline.records import DecodedImage, ScaleReading

_FRAME_SHARE: Final = 0.02


def read_scale(
    image: NDArray[np.generic] | DecodedImage | str | Path | bytes,
    *,
    metadata_nm_per_px: float | None = None,
    reader: TextReader | None = None,
    further_reader: TextReader | None = None,
    labels: LabelMemory | None = None,
    coloured: NDArray[np.uint8] | None = None,
    thoroughly: bool = True,
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
        Asked where the first one is not enough. Default: none.
    labels : LabelMemory, optional
        What reads the labels, remembering each distinct crop; with its own readers, so that ``reader`` and
        ``further_reader`` must be left out.

    coloured : uint8 ndarray [height, width], optional
        The coloured print on a gray picture, as `pipeline.imaging.scale.regions.colour_print.colour_print` takes it
        off; found in a decoded picture or file, needed beside an array only.
    thoroughly : bool, optional
        Whether texts and bars are looked for all over a picture that the quicker steps leave without a value (see
        `pipeline.imaging.scale.decision.rules.decide`), for some 0.3 s.

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
    About 0.7 to 5 ms of CPU for a picture of 1 megapixel, 1 to 6 ms more for a label whose crop was not seen before,
    and some 30 ms for each crop that RapidOCR is asked about. The first picture on a machine compiles the geometry:
    some 10 s, once.
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
        accepted, seen = with_colour(accepted, seen, coloured, gray, memory)
    if accepted is None and not any(_speaks_of_print(one) for one in seen):
        accepted, further = _first_certain(read_candidates(gray, stroke_regions(gray), memory), gray.shape[1])
        seen = [*seen, *further]
    word = Word("silent")
    if metadata is None:
        accepted, word = held_against_settings(accepted, seen, gray, bar, memory, key)
        is_open = accepted is None and word.verdict != "against" and not any(one.is_ruled_out for one in seen)
        if is_open and thoroughly and not is_drawing(gray, bar):
            accepted, doubtful = decide(gray, seen, memory)
            seen = [*doubtful, *seen]
            if accepted is not None:
                accepted, word = held_against_settings(accepted, seen, gray, bar, memory, key)
    if accepted is not None:
        why = word.reason if word.verdict == "against" else ""
        why = why or "the picture is mostly blank, as charts are" * is_drawing(gray, bar)
        why = why or _other_panel(gray, accepted, memory)
        if why:
            seen, accepted = [in_doubt(accepted, why)], None
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
        if is_certain(candidate, gray.shape[1]) and not any(is_cut_off(candidate, one) for one in held):
            held[:] = [one for one in held if not is_cut_off(one, candidate)]
            if not needs_more(candidate):
                seen += _other_crops(candidate, found, memory)
                if is_disputed(candidate, seen) or not all_agree([*held, candidate]):
                    return None, [in_doubt(one) for one in (*held, candidate)]
                other = another_bar(gray, candidate, memory) if is_straight else None
                if other is not None and not all_agree([candidate, other]):
                    why = f"another bar in the picture gives {other.nm_per_px:.4g} nm a pixel"
                    return None, [in_doubt(candidate, why)]
                # What was read after turning the picture rests on more than the stripe.
                if key is not None and is_straight:
                    memory.keep_stripe(key, [one for one in (*seen, candidate) if one.reading is not None])
                return candidate, seen
            held.append(candidate)
        seen.append(candidate)
    if not held:
        return None, seen
    agreed = all_agree(held) and not is_disputed(held[0], seen)
    return (held[0], seen) if agreed else (None, [in_doubt(one) for one in held])


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
        reading = read_scale(np.ascontiguousarray(gray[top:bottom, left:right]), labels=memory, thoroughly=False)
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
    held = [one for one in seen if is_certain(one, width)]
    if not held:
        return None, [one for one in seen if one.nm_per_px is not None]
    if not all_agree(held) or is_disputed(held[0], seen):
        return None, [in_doubt(one) for one in held]
    return held[0], []


@cache
def _default_memory() -> LabelMemory:
    return LabelMemory()


def _memory_of(reader: TextReader | None, further_reader: TextReader | None) -> LabelMemory:
    if reader is not None or further_reader is not None:
        return LabelMemory(reader=reader, further_reader=further_reader)
    memory = _default_memory()
    memory.used.clear()
    return memory


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
