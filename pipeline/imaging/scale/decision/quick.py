"""The quick way to a scale: the candidates of a data bar or overlay, one after the other, until one may be believed.

Lazy: a picture whose first label is read beyond doubt costs one label. Each candidate is weighed by the rules on its
print (`label_rules`), held against the other crops of the same print (`disputes`), and against other bars like it.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.candidates import ScaleCandidate, other_bars, straight_or_tilted
from pipeline.imaging.scale.decision.disputes import (
    all_agree,
    in_doubt,
    is_certain,
    is_cut_off,
    is_disputed,
    needs_more,
)
from pipeline.imaging.scale.decision.label_rules import weighed
from pipeline.imaging.scale.labels.value import LabelValue
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.regions.databar import DataBar, may_be_specimen


def found_on_picture(
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


def first_certain(
    candidates: Iterable[ScaleCandidate], width: int
) -> tuple[ScaleCandidate | None, list[ScaleCandidate]]:
    """The first certain candidate where all certain ones agree, else those that may be what is printed."""
    seen = [weighed(one) for one in candidates]
    held = [one for one in seen if is_certain(one, width)]
    if not held:
        return None, [one for one in seen if one.nm_per_px is not None]
    if not all_agree(held) or is_disputed(held[0], seen):
        return None, [in_doubt(one) for one in held]
    return held[0], []


def _search(
    gray: NDArray[np.uint8], bar: DataBar | None, memory: LabelMemory, key: bytes | None
) -> tuple[ScaleCandidate | None, list[ScaleCandidate]]:
    """The first candidate that stands alone, or else all that were seen."""
    seen: list[ScaleCandidate] = []
    held: list[ScaleCandidate] = []
    found = ((weighed(one), is_straight) for one, is_straight in straight_or_tilted(gray, bar, memory))
    for candidate, is_straight in _following(found, held, memory):
        if held and not is_straight:
            break
        if is_certain(candidate, gray.shape[1]) and not any(is_cut_off(candidate, one) for one in held):
            held[:] = [one for one in held if not is_cut_off(one, candidate)]
            if not needs_more(candidate):
                seen += _other_crops(candidate, found, memory)
                if is_disputed(candidate, seen) or not all_agree([*held, candidate]):
                    return None, [in_doubt(one) for one in (*held, candidate)]
                bars = other_bars(gray, candidate, memory) if is_straight else iter(())
                other = next((one for one in bars if one.is_length), None)
                if other is not None and not all_agree([candidate, other]):
                    why = f"another bar in the picture gives {other.nm_per_px:.4g} nm a pixel"
                    return None, [in_doubt(candidate, why, "one bar")]
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
    if candidate.bar.background != "picture":
        return []
    crops: list[ScaleCandidate] = []
    last = candidate
    with memory.hearing_against(candidate.reading.value):
        while not last.is_last:
            last = next(further)[0]
            crops.append(last)
    return crops
