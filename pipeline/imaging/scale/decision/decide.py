"""One place that decides on the scale of a picture: the order in which evidence is asked, and what it comes to.

The finders of this package (`regions`, `bars`, `labels`, `recognition`, `candidates`) give evidence only. Here the
quick way is tried first (`quick`), then coloured print (`coloured`), strokes of any level, the settings beside the bar
(`settings`) and, where none of that gave a value, texts and bars all over the picture (`pair_rules`). What is believed
in the end is held against what the whole picture is, and against the metadata (`verdict`). Every rule that makes or
unmakes a value has a name, which stands in the record as ``rule``.
"""

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.candidates import ScaleCandidate, read_candidates, stroke_regions
from pipeline.imaging.scale.decision.coloured import COLOUR_SHOWS_ENOUGH, with_colour
from pipeline.imaging.scale.decision.disputes import in_doubt
from pipeline.imaging.scale.decision.pair_rules import agreeing_pair, best_pair
from pipeline.imaging.scale.decision.quick import first_certain, found_on_picture
from pipeline.imaging.scale.decision.settings import Word, held_against_settings, with_word
from pipeline.imaging.scale.decision.verdict import agree, from_certain, from_uncertain
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.regions.databar import DataBar, find_data_bar, is_drawing
from pipeline.imaging.scale.regions.panels import find_panels
from pipeline.records import ScaleReading

_FRAME_SHARE: Final = 0.02


def decide(
    gray: NDArray[np.uint8],
    *,
    metadata: float | None,
    coloured: NDArray[np.uint8] | None,
    memory: LabelMemory,
    thoroughly: bool,
) -> ScaleReading:
    """Find and weigh all that a picture says of its scale; the parameters are those of `read_scale`."""
    bar = find_data_bar(gray)
    key = _stripe_key(gray, bar)
    accepted, seen = found_on_picture(gray, bar, memory, key)
    if coloured is not None:
        accepted, seen = with_colour(accepted, seen, coloured, gray, memory)
    if accepted is None and not any(_speaks_of_print(one) for one in seen):
        accepted, further = first_certain(read_candidates(gray, stroke_regions(gray), memory), gray.shape[1])
        seen = [*seen, *further]
    word = Word("silent")
    if metadata is None:
        accepted, word = held_against_settings(accepted, seen, gray, bar, memory, key)
        ruled_out = any(one.is_ruled_out and one.rule != COLOUR_SHOWS_ENOUGH for one in seen)
        is_open = accepted is None and word.verdict != "against" and not ruled_out
        if is_open and thoroughly and not is_drawing(gray, bar):
            for picture in (gray,) if coloured is None else (gray, coloured):
                accepted, doubtful = best_pair(picture, seen, memory)
                seen = [*doubtful, *seen]
                if accepted is not None:
                    accepted, word = held_against_settings(accepted, seen, gray, bar, memory, key)
                    break
    if accepted is not None and metadata is not None and thoroughly and not _agrees(accepted, metadata):
        accepted = agreeing_pair(gray, metadata, memory) or accepted
    if accepted is not None:
        rule, why = _objection(gray, bar, accepted, word, memory)
        if why:
            seen, accepted = [in_doubt(accepted, why, rule)], None
    top = bar.top if bar is not None and bar.is_stripe else None
    if accepted is not None:
        return with_word(from_certain(accepted, metadata, top), word)
    return with_word(from_uncertain(seen, metadata, bar, gray.shape[1]), word)


def _agrees(accepted: ScaleCandidate, metadata: float) -> bool:
    return accepted.nm_per_px is not None and agree(accepted.nm_per_px, metadata)


def _objection(
    gray: NDArray[np.uint8], bar: DataBar | None, accepted: ScaleCandidate, word: Word, memory: LabelMemory
) -> tuple[str, str]:
    """The rule on the whole picture that objects to a reading, and why; both empty where none does."""
    if word.verdict == "against":
        return "no setting against it", word.reason
    if is_drawing(gray, bar):
        return "no chart", "the picture is mostly blank, as charts are"
    return "one scale in all panels", _other_panel(gray, accepted, memory)


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
        part = np.ascontiguousarray(gray[top:bottom, left:right])
        reading = decide(part, metadata=None, coloured=None, memory=memory, thoroughly=False)
        if reading.nm_per_px is not None and not agree(reading.nm_per_px, accepted.nm_per_px):
            return f"another panel of the figure has a bar of {reading.nm_per_px:.4g} nm a pixel"
    return ""


def _speaks_of_print(candidate: ScaleCandidate) -> bool:
    """Whether a candidate is unmistakably print, though it could not be read beyond doubt."""
    return candidate.bar.is_stripe or candidate.nm_per_px is not None


def _stripe_key(gray: NDArray[np.uint8], bar: DataBar | None) -> bytes | None:
    """What a reading on a stripe depends on, and nothing else: where it is, and its pixels. None without a stripe.

    So a stripe that was seen before can be remembered without an answer that depends on the order of pictures.
    """
    if bar is None or not bar.is_stripe:
        return None
    place = np.array([*gray.shape, bar.top, bar.bottom, bar.left, bar.right, bar.level], dtype=np.int64)
    stripe = np.ascontiguousarray(gray[bar.top : bar.bottom])
    return hashlib.sha1(place.tobytes() + stripe.tobytes(), usedforsecurity=False).digest()
