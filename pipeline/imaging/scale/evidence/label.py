"""How much a reading of a label is worth: a value that may be believed, or the reason why not."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.labels.value import (
    NM_PER_UNIT,
    LabelValue,
    is_usual_value,
    parse_label,
    points_between_digits,
)
from pipeline.imaging.scale.recognition.shape import check_shapes
from pipeline.imaging.scale.recognition.text import PAD_PX, TextReader

SURE: Final = 0.9
"""The least sure letter of a reading must reach this."""

_QUICK_SURE: Final = (0.85, 0.95)
_QUICK_SURE_WITH_SHAPES: Final = (0.7, 0.85)
"""Of 6,850 crops, nearly all in fonts kept apart from the training, that two quick readers read alike, the less and the
more sure one so sure, and whose shapes did not contradict (or confirmed), four were wrong: points and a digit that the
crops had lost before, which other looks are for (`pipeline.imaging.scale.labels.hidden_print`). One reader alone was
wrong at 0.98.
"""

_SURE_OF_OTHER_TEXT: Final = 0.98
_BOTH_SURE: Final = 0.5
_DISSENT: Final = 0.5
_SURE_OF_POINT: Final = 0.9
LIKE_A_LENGTH: Final = re.compile(r"^.{0,2}[0-9OoIliSZBst].{0,6}[mnu\N{MICRO SIGN}rw]|^[0-9]+[.,][0-9]+$")
"""A digit, or what one may be taken for, and a letter of a unit after it: what texture is read as seldom has both. Or a
number with a point, whose unit a bright specimen may hide.
"""

Glance = Literal["", "agree", "one", "differ", "none"]

_SECOND_LOOK_SCALE: Final = 1.5
_DISCOUNT: Final = 0.95


@dataclass(frozen=True, slots=True)
class LabelReading:
    """A crop as it was read.

    Attributes
    ----------
    text : str
        What the recogniser printed; empty if nothing.
    value : LabelValue or None
        What that means; None for a text that is no length.
    is_certain : bool
        Whether the value may be believed without metadata.
    confidence : float
        0 to 1.
    reason : str
        What the certainty rests on, or what is missing, in words.
    on_readers_alone : bool
        Whether two readers agree on what the shapes of the letters do not show: enough where the crop is whole, too
        little where print was told from a specimen by its level, and a faint stroke or point may be left out.
    point_in_doubt : bool
        Whether the shapes, or one of two quick readers, speak of a decimal point that is not in the text.
    glance : str
        Empty where the crop is settled. Else it was read by the quick readers alone, and others may be asked: two that
        ``agree`` on a usual value, but too little sure or against the shapes, ``one`` that sees a length, two that
        ``differ`` or see an unusual one, or ``none``.
    """

    text: str
    value: LabelValue | None
    is_certain: bool
    confidence: float
    reason: str
    on_readers_alone: bool = False
    point_in_doubt: bool = False
    glance: Glance = ""


def read_label(
    crop: NDArray[np.uint8],
    reader: TextReader,
    *,
    quick_readers: Sequence[TextReader] = (),
    further_reader: TextReader | None = None,
) -> LabelReading:
    """Read a crop and weigh the evidence.

    A value must be a usual one, and be borne out twice: by a reader that is sure of every letter and the shapes of the
    letters; or by two readers (quick ones: and no shapes against them); or, where letters touch, so that shapes say
    nothing, by two looks of one reader at different sizes. A reader that surely sees something else, or shapes that
    contradict the only reader, make it uncertain.

    Parameters
    ----------
    crop : uint8 ndarray, [height, width]
        Dark text on white, as `pipeline.imaging.scale.recognition.text.text_crop` makes it.
    reader : TextReader
    quick_readers : sequence of TextReader, optional
        Asked first, one after the other. Where two are sure of the same value and no shapes speak against it, or where
        the first sees no length, the other one is not asked; else they are compared.
    further_reader : TextReader, optional
        Asked when all that is not enough: the same value from it makes a reading certain, too, unless shapes
        contradict or the value is no usual one.
    """
    quick, seen = _quickly(crop, quick_readers)
    if seen is not None and not seen.glance:
        return seen
    first = _understood(crop, reader)
    if not first.text:
        return LabelReading("", None, False, 0.0, "no text could be recognised")
    if first.value is None:
        return _no_length(first)
    compared = _compared(crop, first, [one for one in quick if one.value is not None])
    return compared if compared is not None else _read_alone(crop, first, reader, further_reader)


def glance_at_label(crop: NDArray[np.uint8], quick_readers: Sequence[TextReader]) -> LabelReading:
    """What `read_label` comes to before it asks its slow reader; ``glance`` says whether it would ask it."""
    seen = _quickly(crop, quick_readers)[1]
    assert seen is not None
    return seen


def read_quickly(
    crop: NDArray[np.uint8], quick_readers: Sequence[TextReader], value: LabelValue
) -> LabelReading | None:
    """The reading of the first quick reader that sees a given value; None where none does.

    It is never certain: it tells that a crop does not speak against the value, which takes less than believing it.
    """
    for reader in quick_readers:
        seen = _understood(crop, reader)
        if seen.value is not None and seen.value.scale_nm == value.scale_nm:
            return LabelReading(seen.text, seen.value, False, seen.confidence, "a quick reader sees the same")
        if not _first_glance(seen).glance:
            return None
    return None


@dataclass(frozen=True, slots=True)
class _Understood:
    """What a reader saw in a crop, and its meaning if it is a length."""

    text: str
    confidence: float
    value: LabelValue | None


def _understood(crop: NDArray[np.uint8], reader: TextReader) -> _Understood:
    candidates = reader.read(crop)
    if not candidates:
        return _Understood("", 0.0, None)
    return _Understood(candidates[0].text, candidates[0].confidence, parse_label(candidates[0].text))


def _quickly(
    crop: NDArray[np.uint8], quick_readers: Sequence[TextReader]
) -> tuple[list[_Understood], LabelReading | None]:
    """What the quick readers saw that were asked, and what it comes to; None without such readers."""
    quick: list[_Understood] = []
    seen = None
    for reader in quick_readers:
        quick.append(_understood(crop, reader))
        seen = _first_glance(quick[0]) if len(quick) == 1 else _second_glance(crop, *quick)
        if not seen.glance:
            break
    return quick, seen


def _first_glance(seen: _Understood) -> LabelReading:
    """What one quick reader comes to: settled where it sees nothing, or surely other text than a length."""
    if not seen.text:
        return LabelReading("", None, False, 0.0, "no text could be recognised")
    if seen.value is not None:
        return _open(seen, "one", "one quick reader sees it")
    is_other = seen.confidence >= _SURE_OF_OTHER_TEXT or not LIKE_A_LENGTH.search(seen.text)
    return replace(_no_length(seen), glance="" if is_other else "none")


def _second_glance(crop: NDArray[np.uint8], first: _Understood, second: _Understood) -> LabelReading:
    """What two quick readers come to; a third one would make nothing certain in which they differ surely."""
    with_value = [one for one in (first, second) if one.value is not None]
    if not with_value:
        return replace(_no_length(first), glance="none")
    surest = max(with_value, key=lambda one: one.confidence)
    if first.value is None or second.value is None:
        other = second if first.value is not None else first
        seen = _open(surest, "one", "only one of two quick readers sees a length")
        return replace(seen, point_in_doubt=points_between_digits(other.text) > points_between_digits(surest.text))
    is_heard = min(first.confidence, second.confidence) >= _DISSENT and "pm" not in (
        first.value.unit,
        second.value.unit,
    )
    if first.value.scale_nm != second.value.scale_nm:
        reason = f"{first.text!r} and {second.text!r} were read by two quick readers"
        return _open(surest, "" if is_heard else "differ", reason)
    if first.value.doubt or not is_usual_value(first.value.value):
        # Seen twice, an unusual value stays uncertain whatever a third reader sees.
        is_heard = is_heard and not is_usual_value(first.value.value)
        return _open(surest, "" if is_heard else "differ", first.value.doubt)
    return _agreed_quickly(crop, first, second)


def _agreed_quickly(crop: NDArray[np.uint8], first: _Understood, second: _Understood) -> LabelReading:
    """Two quick readers that see one value, and the shapes: settled where they are sure and nothing speaks against."""
    assert first.value is not None
    sure, surer = sorted((first.confidence, second.confidence))
    shapes = check_shapes(crop, first.text, first.value)
    least = _QUICK_SURE_WITH_SHAPES if shapes.verdict == "confirms" else _QUICK_SURE
    is_certain = shapes.verdict != "contradicts" and sure >= least[0] and surer >= least[1]
    return LabelReading(
        first.text,
        first.value,
        is_certain,
        surer if is_certain else sure,
        f"two quick readers agree; {shapes.reason}",
        on_readers_alone=shapes.verdict != "confirms",
        point_in_doubt=shapes.verdict == "contradicts" and shapes.on_point,
        glance="" if is_certain else "agree",
    )


def _open(seen: _Understood, glance: Glance, reason: str) -> LabelReading:
    return LabelReading(seen.text, seen.value, False, seen.confidence, reason, glance=glance)


def _compared(crop: NDArray[np.uint8], first: _Understood, quick: list[_Understood]) -> LabelReading | None:
    """What a reader and the quick ones that saw a length come to together; None where that is nothing."""
    value = first.value
    assert value is not None
    if any(one.value is not None and _is_micro_beside_pico(value, one.value) for one in quick):
        # A printed micro sign is often taken for a p; one reader saw that it is none.
        value = as_micrometres(value)
        first = replace(first, value=value)
        quick = [replace(one, value=_unless_pico(one.value)) for one in quick]
    # One that differs is heard before one that agrees, the surest first.
    order = sorted(
        quick, key=lambda one: (one.value is not None and one.value.scale_nm == value.scale_nm, -one.confidence)
    )
    return next((agreed for one in order if (agreed := _agreed(crop, first, one)) is not None), None)


def _agreed(crop: NDArray[np.uint8], first: _Understood, quick: _Understood) -> LabelReading | None:
    """The reading that two networks with nothing in common have; None where they differ or one is too unsure."""
    assert first.value is not None
    assert quick.value is not None
    sure = min(first.confidence, quick.confidence)
    if first.value.scale_nm != quick.value.scale_nm:
        if quick.confidence < _DISSENT:
            return None
        reason = f"{first.text!r} and {quick.text!r} were read by two readers"
        # A point is lost sooner than one is imagined: who saw one between the same digits is heard elsewhere.
        same_digits = re.sub(r"[^0-9]", "", first.text) == re.sub(r"[^0-9]", "", quick.text)
        heard = quick if same_digits and re.search(r"[0-9][.,][0-9]", quick.text) else first
        return LabelReading(heard.text, heard.value, False, sure, reason)
    usual = is_usual_value(first.value.value) and not (first.value.doubt and quick.value.doubt)
    if not usual or sure < _BOTH_SURE or max(first.confidence, quick.confidence) < SURE:
        return None
    shapes = check_shapes(crop, first.text, first.value)
    if shapes.verdict == "contradicts" and shapes.on_point and sure < _SURE_OF_POINT:
        reason = f"{first.text!r}: {shapes.reason}"
        return LabelReading(first.text, first.value, False, sure, reason, point_in_doubt=True)
    is_shown, against = shapes.verdict == "confirms", shapes.verdict == "contradicts" and shapes.on_point
    return LabelReading(first.text, first.value, True, _DISCOUNT * sure, "two readers agree", not is_shown, against)


def _no_length(seen: _Understood) -> LabelReading:
    return LabelReading(seen.text, None, False, seen.confidence, f"{seen.text!r} is no number with a unit of length")


def _is_micro_beside_pico(one: LabelValue, other: LabelValue) -> bool:
    return one.value == other.value and {one.unit, other.unit} == {"pm", "um"}


def _unless_pico(value: LabelValue | None) -> LabelValue | None:
    return as_micrometres(value) if value is not None and value.unit == "pm" else value


def _read_alone(
    crop: NDArray[np.uint8], first: _Understood, reader: TextReader, further_reader: TextReader | None
) -> LabelReading:
    """The reading of one reader, with what the shapes of the letters or a second look say to it."""
    value, text, confidence = first.value, first.text, first.confidence
    assert value is not None
    certain, confidence, reason = _weigh(crop, text, confidence, value, reader, further_reader)
    if value.unit == "pm" and not certain:
        micrometres = as_micrometres(value)
        verdict = check_shapes(crop, text, micrometres)
        if verdict.verdict == "confirms" and confidence >= SURE and is_usual_value(value.value):
            return LabelReading(text, micrometres, True, confidence, "read as 'pm', printed with a micro sign")
    return LabelReading(text, value, certain, confidence, reason)


def as_micrometres(value: LabelValue) -> LabelValue:
    """The same number in micrometres, for a printed ``µm`` that was read as ``pm``."""
    return replace(value, unit="um", scale_nm=value.value * NM_PER_UNIT["um"], text=f"{value.value:g} um")


def _weigh(
    crop: NDArray[np.uint8],
    text: str,
    confidence: float,
    value: LabelValue,
    reader: TextReader,
    further_reader: TextReader | None,
) -> tuple[bool, float, str]:
    """Whether a value is certain, how much, and why (not)."""
    if not is_usual_value(value.value) or value.unit == "pm":
        return False, confidence, value.doubt
    shapes = check_shapes(crop, text, value)
    if shapes.verdict == "contradicts":
        return False, confidence, f"{text!r}: {shapes.reason}"
    if confidence >= SURE and shapes.verdict == "confirms":
        return True, confidence, shapes.reason
    lacking = value.doubt or f"{text!r} was recognised with a confidence of only {confidence:.2f}"
    if confidence >= SURE and not value.doubt:
        second = _second_look(crop, reader)
        if second is not None and second[0].scale_nm == value.scale_nm and second[1] >= SURE:
            return True, _DISCOUNT * min(confidence, second[1]), "two looks at different sizes agree"
        seen = "nothing" if second is None else f"{second[0].text!r}"
        lacking = f"{text!r} was read, {seen} at a second look ({shapes.reason})"
    further = further_reader.read(crop) if further_reader is not None else []
    other = parse_label(further[0].text) if further else None
    if other is not None and other.scale_nm == value.scale_nm:
        return True, _DISCOUNT * max(confidence, further[0].confidence), "two readers agree"
    return False, confidence, lacking


def _second_look(crop: NDArray[np.uint8], reader: TextReader) -> tuple[LabelValue, float] | None:
    """Read the crop again, larger and with a narrower margin: independent of where the first was sampled."""
    tight = crop[PAD_PX // 2 : -(PAD_PX // 2), PAD_PX // 2 : -(PAD_PX // 2)]
    larger = cv2.resize(tight, None, fx=_SECOND_LOOK_SCALE, fy=_SECOND_LOOK_SCALE, interpolation=cv2.INTER_CUBIC)
    candidates = reader.read(np.asarray(larger, dtype=np.uint8))
    value = parse_label(candidates[0].text) if candidates else None
    return None if value is None else (value, candidates[0].confidence)
