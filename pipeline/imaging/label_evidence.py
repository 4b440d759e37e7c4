"""How much a reading of a label is worth: a value that may be believed, or the reason why not."""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.label_shape import check_shapes
from pipeline.imaging.label_text import PAD_PX, TextReader
from pipeline.imaging.label_value import NM_PER_UNIT, LabelValue, is_usual_value, parse_label

SURE: Final = 0.9
"""The least sure letter of a reading must reach this."""

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
    """

    text: str
    value: LabelValue | None
    is_certain: bool
    confidence: float
    reason: str


def read_label(
    crop: NDArray[np.uint8], reader: TextReader, *, further_reader: TextReader | None = None
) -> LabelReading:
    """Read a crop and weigh the evidence.

    A value is certain when the recogniser is sure of every letter, the value is a usual one, and the shapes
    of the letters bear it out; where letters touch, so that shapes say nothing, when a second look at another
    size gives the same value as surely. Shapes that contradict a reading always make it uncertain.

    Parameters
    ----------
    crop : uint8 ndarray, [height, width]
        Dark text on white, as `pipeline.imaging.label_text.text_crop` makes it.
    reader : TextReader
    further_reader : TextReader, optional
        Asked when all that is not enough: the same value from it makes a reading certain, too, unless shapes
        contradict or the value is no usual one.
    """
    candidates = reader.read(crop)
    if not candidates:
        return LabelReading("", None, False, 0.0, "no text could be recognised")
    text, confidence = candidates[0].text, candidates[0].confidence
    value = parse_label(text)
    if value is None:
        return LabelReading(text, None, False, confidence, f"{text!r} is no number with a unit of length")
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
