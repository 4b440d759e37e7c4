"""What speaks for and against a candidate for the scale: its own certainty, and the other crops of its print."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pipeline.imaging.scale.candidates import ScaleCandidate
from pipeline.imaging.scale.decision.label_rules import has_no_point
from pipeline.imaging.scale.decision.verdict import agree, implausible

CROPS_DIFFER: Final = "something else in another crop of the same print"
_DASHES: Final = ("-", "_", "\N{EN DASH}", "\N{EM DASH}")
_DISSENT: Final = 0.7
_SAME_END_PX: Final = 2
_NUMBER_WITH_POINT: Final = re.compile(r"[^0-9]{0,2}([0-9]+(?:[.,]|(?<!1) (?!1))[0-9]+)")
"""A space between two digits is what a reader sees of a point that is too pale; a 1 has wide margins."""

_LEADING_NUMBER: Final = re.compile(r"[^0-9]{0,2}([0-9][0-9., ]*)")
_FIRST_POINT: Final = re.compile(r"[^0-9]{0,2}[.,] ?([0-9]+)[^0-9.,]")


def is_certain(candidate: ScaleCandidate, width: int) -> bool:
    """Whether a candidate may be believed in a picture of some width, as far as it can tell by itself."""
    if candidate.reading is None or not candidate.reading.is_certain or _has_other_half(candidate):
        return False
    return implausible(candidate, width) == ""


def _has_other_half(candidate: ScaleCandidate) -> bool:
    """Whether the far end of a text beside a stroke was read as a dash: the stroke goes on behind its label."""
    if candidate.label is None or candidate.segment.kind not in ("solid", "line"):
        return False
    text, place = _text(candidate).strip(), candidate.label.place
    return (place == "left" and text[:1] in _DASHES) or (place == "right" and text[-1:] in _DASHES)


def needs_more(candidate: ScaleCandidate) -> bool:
    """Whether other crops of the same print must be heard first: on a specimen a faint stroke may be lost in one."""
    assert candidate.reading is not None
    return candidate.bar.background == "picture" and candidate.reading.on_readers_alone


def is_disputed(candidate: ScaleCandidate, others: Iterable[ScaleCandidate]) -> bool:
    """Whether another crop of print on a specimen shows a point where this one shows none, or another number.

    Or where the shapes do not bear it out, one that begins further left shows a digit more, however unsurely.
    """
    assert candidate.reading is not None
    if candidate.bar.background != "picture":
        return False
    others = list(others)
    if any(_states_other(one, candidate) and not is_cut_off(one, candidate) for one in others):
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


def is_cut_off(other: ScaleCandidate, candidate: ScaleCandidate) -> bool:
    """Whether a crop shows the end of a label only, where all that stands out from the ground is print.

    A mask that loses the thin strokes of a first digit makes ``5 nm`` of ``0.5 nm``.
    """
    if not candidate.on_plain_ground or candidate.label is None or other.label is None:
        return False
    x, _, width, _ = candidate.label.box
    other_x, _, other_width, _ = other.label.box
    is_end = other_x > x and other_x + other_width <= x + width + _SAME_END_PX
    whole, end = (_text(one).replace(" ", "") for one in (candidate, other))
    return is_end and whole != end and whole.endswith(end)


def states_another(candidate: ScaleCandidate, than: ScaleCandidate) -> bool:
    """Whether two candidates state scales that differ."""
    one, other = candidate.nm_per_px, than.nm_per_px
    return one is not None and other is not None and not agree(one, other)


def all_agree(candidates: list[ScaleCandidate]) -> bool:
    """Whether all candidates that state a scale state the same."""
    values = [one.nm_per_px for one in candidates if one.nm_per_px is not None]
    return all(agree(value, values[0]) for value in values)


def in_doubt(candidate: ScaleCandidate, why: str = CROPS_DIFFER, rule: str = "all crops alike") -> ScaleCandidate:
    """A candidate that is certain no longer, why, and by which rule."""
    assert candidate.reading is not None
    reason = f"{candidate.reading.text!r} was read, but {why}"
    doubtful = replace(candidate.reading, is_certain=False, reason=reason)
    return replace(candidate, reading=doubtful, is_ruled_out=why != CROPS_DIFFER, rule=rule)


def _digits(candidate: ScaleCandidate) -> str:
    return re.sub(r"[^0-9]", "", _text(candidate))


def _text(candidate: ScaleCandidate) -> str:
    return candidate.reading.text if candidate.reading is not None else ""
