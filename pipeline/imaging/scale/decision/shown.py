"""Everything that a picture shows of a scale, with what each candidate is worth: for a person to look at."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.candidates import ScaleCandidate, straight_or_tilted
from pipeline.imaging.scale.decision.label_rules import weighed
from pipeline.imaging.scale.decision.pairs import scored_pairs
from pipeline.imaging.scale.decision.verdict import implausible
from pipeline.imaging.scale.labels.anywhere import find_texts
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.regions.databar import find_data_bar
from pipeline.records import ShownCandidate

_MOST_PAIRS: Final = 8


def shown_candidates(gray: NDArray[np.uint8]) -> list[ShownCandidate]:
    """The candidates of the quick way with the rules that object, then texts and pairs with scores, the best first.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]

    Notes
    -----
    0.2 to 1 s of CPU: all steps are taken, also those that a reading did not need.
    """
    memory = LabelMemory()
    quick = (weighed(one) for one, _ in straight_or_tilted(gray, find_data_bar(gray), memory))
    found = [_quick(one, gray.shape[1]) for one in quick]
    texts = find_texts(gray, memory)
    found += [ShownCandidate(None, text.box, f"text {text.seen.text!r}") for text in texts if text.seen.text]
    pairs = scored_pairs(gray, texts)[:_MOST_PAIRS]
    return found + [
        ShownCandidate(pair.mark.segment.box, pair.text.box, f"pair {pair.text.seen.text!r}, score {pair.score:.2f}")
        for pair in pairs
    ]


def _quick(candidate: ScaleCandidate, width: int) -> ShownCandidate:
    segment, label, reading = candidate.segment, candidate.label, candidate.reading
    if label is None or reading is None:
        return ShownCandidate(segment.box, None, f"{segment.kind} without a label")
    if not reading.is_certain:
        why = candidate.rule or "not sure"
    else:
        why = implausible(candidate, width) or f"sure, {reading.confidence:.2f}"
    return ShownCandidate(segment.box, label.box, f"{segment.kind} {reading.text!r}: {why}")
