"""What is believed of the pairs of a length and a mark that a whole picture shows: each rule by name, in one place.

The rules are asked in the order of `_RULES`; the first that objects leaves the picture ``uncertain`` and stands, by
name, in the reason. Where none objects the best pair gives the scale. The rules on a stroke's ends do not object to a
bar that the networks see, too: these know tips, rims and breaks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.bars.line_ends import has_arrow_head, has_other_half, stands_in_a_row
from pipeline.imaging.scale.bars.segment import is_outline
from pipeline.imaging.scale.candidates import ScaleCandidate
from pipeline.imaging.scale.decision.label_rules import ARROW, EXPONENT, ONE_OF_MANY
from pipeline.imaging.scale.decision.pairs import Pair, scored_pairs
from pipeline.imaging.scale.decision.verdict import agree, implausible
from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.labels.anywhere import PrintedText, find_texts, share_place
from pipeline.imaging.scale.labels.box import LabelBox
from pipeline.imaging.scale.labels.exponent import has_exponent
from pipeline.imaging.scale.labels.value import is_usual_value, same_but_for_rings
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.regions.databar import DataBar

LEAST_SCORE: Final = 0.62
"""Of a pair that may be believed. Of the right pairs on the pictures that it was made with nearly all reach 0.67."""

_RIVAL: Final = 0.15
_SURE_OF_PICTURE: Final = 0.5
_SURE_ALONE: Final = 0.9
_SURE_OF_RING: Final = 0.8
_DISSENT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was found on a picture: its texts, the pairs, best first, and what was seen before them."""

    gray: NDArray[np.uint8]
    texts: Sequence[PrintedText]
    pairs: Sequence[Pair]
    seen: Sequence[ScaleCandidate]


def best_pair(
    gray: NDArray[np.uint8], seen: Sequence[ScaleCandidate], memory: LabelMemory
) -> tuple[ScaleCandidate | None, list[ScaleCandidate]]:
    """Look for texts and bars all over a picture, and say which pair is its scale.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    seen : sequence of ScaleCandidate
        What the quicker steps of the reader saw, none of it for certain.
    memory : LabelMemory
        What reads the labels.

    Returns
    -------
    accepted : ScaleCandidate or None
    doubtful : list of ScaleCandidate
        The best pair, with the rule that objects; empty where there is no pair, or one was accepted.

    Notes
    -----
    0.1 to 0.4 s of CPU: only for pictures on which the quicker steps found no value.
    """
    texts = find_texts(gray, memory)
    pairs = scored_pairs(gray, texts)
    if not pairs:
        return None, []
    evidence = Evidence(gray, texts, pairs, seen)
    for name, rule in _RULES.items():
        why = rule(evidence)
        if why:
            if rule is _pair_is_good:
                return None, []
            return None, [_candidate(gray, pairs[0], f"{_text(pairs[0])!r} was read, but {why} [{name}]", name)]
    best = pairs[0]
    reason = (
        f"two recognisers read {_text(best)!r}; a {best.mark.segment.kind} mark, label {best.place}, "
        f"score {best.score:.2f} [texts and bars all over the picture]"
    )
    return _candidate(gray, best, reason, ""), []


def agreeing_pair(gray: NDArray[np.uint8], nm_per_px: float, memory: LabelMemory) -> ScaleCandidate | None:
    """The best good pair that gives a pixel size within 3%: a bar of which the quick way took a part.

    Its label needs no second reader: the metadata bear it out.
    """
    for pair in scored_pairs(gray, find_texts(gray, memory)):
        if pair.score >= LEAST_SCORE and agree(pair.nm_per_px, nm_per_px):
            reason = f"the bar was measured again; a {pair.mark.segment.kind} mark, score {pair.score:.2f}"
            return _candidate(gray, pair, reason, "")
    return None


def _label_is_read_twice(evidence: Evidence) -> str:
    text = evidence.pairs[0].text
    assert text.value is not None
    other = "" if text.reading is None else text.reading.text
    if same_but_for_rings(text.seen.text, other):
        return "" if text.seen.confidence >= _SURE_OF_RING else "no recogniser is sure of it"
    if text.reading is None or text.reading.value is None or text.reading.value.scale_nm != text.value.scale_nm:
        return f"its letters alone look like {other!r}"
    least = _SURE_OF_PICTURE if text.reading.is_certain else _SURE_ALONE
    return "" if text.seen.confidence >= least else "no recogniser is sure of it"


def _label_is_usual(evidence: Evidence) -> str:
    value = evidence.pairs[0].text.value
    assert value is not None
    if not is_usual_value(value.value):
        return f"{value.value:g} is no usual length of a scale bar"
    return "" if value.unit != "pm" else value.doubt


def _label_is_no_setting(evidence: Evidence) -> str:
    x, y, width, height = evidence.pairs[0].text.box
    for text in evidence.texts:
        left, top, wide, tall = text.box
        is_head = 0 <= y - top - tall + height / 2 <= 1.5 * height and left < x + width and x < left + wide
        is_before = abs(top + tall / 2 - y - height / 2) <= height / 2 and 0 <= x - left - wide <= 1.5 * height
        if text.is_setting and text.value is None and (is_head or is_before):
            return f"it stands beside {text.seen.text!r}"
    return ""


def _label_has_no_exponent(evidence: Evidence) -> str:
    text = evidence.pairs[0].text
    return EXPONENT if has_exponent(evidence.gray, text.box, text.foreground) else ""


def _bar_is_no_arrow(evidence: Evidence) -> str:
    best = evidence.pairs[0]
    segment = best.mark.segment
    if best.is_seen or segment.kind == "ruler":
        return ""
    return ARROW if has_arrow_head(evidence.gray, segment.line_box) else ""


def _bar_is_no_outline(evidence: Evidence) -> str:
    mark = evidence.pairs[0].mark
    if evidence.pairs[0].is_seen:
        return ""
    is_rim = mark.segment.kind in ("line", "solid") and is_outline(evidence.gray, mark.segment, mark.level)
    return "its bar is the outline of another" if is_rim else ""


def _bar_is_whole(evidence: Evidence) -> str:
    best = evidence.pairs[0]
    if best.is_seen or best.place not in ("left", "right") or best.mark.segment.kind not in ("line", "solid"):
        return ""
    goes_on = has_other_half(evidence.gray, best.mark.segment.line_box, best.text.box)
    return "its bar goes on behind it" if goes_on else ""


def _bar_is_no_field(evidence: Evidence) -> str:
    best = evidence.pairs[0]
    segment = best.mark.segment
    is_block = not best.is_seen and segment.kind in ("line", "solid")
    return ONE_OF_MANY if is_block and stands_in_a_row(evidence.gray, segment.line_box, best.text.box) else ""


def _pair_is_good(evidence: Evidence) -> str:
    best = evidence.pairs[0]
    return "" if best.score >= LEAST_SCORE else f"no mark near it looks like its bar (score {best.score:.2f})"


def _pair_is_alone(evidence: Evidence) -> str:
    best = evidence.pairs[0]
    for other in evidence.pairs[1:]:
        if other.score < LEAST_SCORE and best.score - other.score > _RIVAL:
            continue
        is_rival = best.score - other.score <= _RIVAL or other.text is not best.text
        if is_rival and _may_be_label(other.text) and not agree(other.nm_per_px, best.nm_per_px):
            return f"another bar, {_text(other)!r}, gives {other.nm_per_px:.4g} nm a pixel"
    return ""


def _may_be_label(text: PrintedText) -> bool:
    return text.value is not None and is_usual_value(text.value.value)


def _nothing_seen_contradicts(evidence: Evidence) -> str:
    """What the quicker steps read of the same print must not be another length."""
    best = evidence.pairs[0]
    assert best.text.value is not None
    for one in evidence.seen:
        if one.reading is None or one.reading.value is None or one.label is None:
            continue
        is_same = share_place(one.label.box, best.text.box)
        is_other = one.reading.value.scale_nm != best.text.value.scale_nm
        if is_same and is_other and one.reading.confidence >= _DISSENT and len(one.reading.text) >= len(_text(best)):
            return f"{one.reading.text!r} was read before"
    return ""


def _field_is_plausible(evidence: Evidence) -> str:
    return implausible(_pair_only(evidence.pairs[0]), evidence.gray.shape[1])


_RULES: Final[dict[str, Callable[[Evidence], str]]] = {
    "a good pair": _pair_is_good,
    "a label read twice": _label_is_read_twice,
    "a usual length": _label_is_usual,
    "no exponent": _label_has_no_exponent,
    "no arrow": _bar_is_no_arrow,
    "no outline": _bar_is_no_outline,
    "a whole bar": _bar_is_whole,
    "no field of many": _bar_is_no_field,
    "no setting": _label_is_no_setting,
    "one pair": _pair_is_alone,
    "no contradiction": _nothing_seen_contradicts,
    "a plausible field": _field_is_plausible,
}


def _text(pair: Pair) -> str:
    return pair.text.seen.text


def _pair_only(pair: Pair) -> ScaleCandidate:
    reading = LabelReading(_text(pair), pair.text.value, False, 0.0, "")
    return ScaleCandidate(DataBar(0, 0, 0, 0, "picture", pair.text.foreground), pair.mark.segment, reading=reading)


def _candidate(gray: NDArray[np.uint8], pair: Pair, reason: str, objects: str) -> ScaleCandidate:
    """The pair as a candidate; certain where no rule objects."""
    certain = not objects
    confidence = max(pair.text.seen.confidence, pair.text.reading.confidence if pair.text.reading else 0.0)
    reading = LabelReading(_text(pair), pair.text.value, certain, confidence if certain else 0.5, reason)
    region = DataBar(0, gray.shape[0], 0, gray.shape[1], "picture", pair.text.foreground)
    label = LabelBox(pair.text.box, pair.place, 0.0)
    rule = objects or "a pair all over the picture"
    return ScaleCandidate(region, pair.mark.segment, label, reading, pair.text.crop, rule=rule)
