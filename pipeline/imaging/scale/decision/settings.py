"""What the field width and the magnification printed in a data bar say to the scale that was read from its bar.

The label and the field width are two prints of one fact: together they make a reading certain that alone is not. They
speak against each other seldom: a picture that was cropped or mounted since has another width than its data bar says.
Only a factor of ten, a hundred or a thousand is proof of a lost point or another unit. A magnification fixes the width
of a display that every maker chooses for himself: it bears nothing out, and speaks only against what is far from all of
them.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.candidates import ScaleCandidate
from pipeline.imaging.scale.decision.verdict import agree, implausible, variants
from pipeline.imaging.scale.evidence.consistency import DISPLAY_MM
from pipeline.imaging.scale.evidence.printed_settings import PrintedSetting, PrintedSettings, read_settings
from pipeline.imaging.scale.labels.value import is_usual_value, parse_label
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.regions.databar import DataBar
from pipeline.records import ScaleReading

_SURE: Final = 0.9
_SURE_OF_READERS: Final = 0.97
"""Where the shapes of the letters do not show what the readers saw."""

_DISCOUNT: Final = 0.95
_FAR: Final = 10.0
"""A display a tenth as wide as the smallest, or ten times as wide as the widest, is none."""

_USUAL_MM: Final = (90.0, 600.0)
"""The displays that makers of scanning microscopes do choose, less than a decade apart: what is ten times as wide as
one of them is none."""

_ROUNDING: Final = 0.015
_MOST_DECADES: Final = 3
_UNITS: Final = ("nm", "um", "mm")
_ALMOST_A_LENGTH: Final = re.compile(
    r"^[\W_]{0,2}([0-9]{1,3}(?:[.,][0-9]{1,2})?) ?[^0-9A-Za-z\s]? ?[mnu\u00b5\u03bc]{1,2}\W?$"
)
"""A micro sign in a rare font is read as no letter at all, or the ``m`` after it is lost."""

Verdict = Literal["same", "against", "silent"]


@dataclass(frozen=True, slots=True)
class Word:
    """What the settings say to a candidate, in a word and in words; the box of the field width that says it."""

    verdict: Verdict
    reason: str = ""
    field_box: tuple[int, int, int, int] | None = None


def held_against_settings(
    accepted: ScaleCandidate | None,
    seen: list[ScaleCandidate],
    gray: NDArray[np.uint8],
    bar: DataBar | None,
    memory: LabelMemory,
    key: bytes | None,
) -> tuple[ScaleCandidate | None, Word]:
    """Read the settings beside a scale where they may matter, and let them speak.

    Parameters
    ----------
    accepted : ScaleCandidate, optional
        What was read for certain; the settings are read only where that rests on little.
    seen : list of ScaleCandidate
        What was read besides; without an accepted one the settings are read where one of these lacks but evidence.
    gray : uint8 ndarray, [height, width]
    bar : DataBar, optional
        The picture's; without one the candidate's own region is read.
    memory : LabelMemory
    key : bytes, optional
        Under which the memory keeps the settings of a stripe.

    Returns
    -------
    ScaleCandidate or None, Word
        The one that holds now, and what the settings say to it, or to the first that was read.
    """
    width = gray.shape[1]
    open_to = [one for one in seen if any(may_be_borne_out(variant, width) for variant in _meanings(one))]
    if not (is_thin(accepted) if accepted is not None else open_to):
        return accepted, Word("silent")
    settings = _settings(gray, bar if bar is not None else (accepted or open_to[0]).bar, memory, key)
    accepted = accepted or borne_out(open_to, settings, width)
    spoken_of = accepted or next((one for one in seen if one.nm_per_px is not None), None)
    return accepted, Word("silent") if spoken_of is None else word_on(spoken_of, settings, width)


def _settings(gray: NDArray[np.uint8], region: DataBar, memory: LabelMemory, key: bytes | None) -> PrintedSettings:
    known: PrintedSettings | None = memory.settings.get(key) if key is not None else None
    settings = known if known is not None else read_settings(gray, region, memory)
    if key is not None and known is None:
        memory.keep_settings(key, settings)
    for digest, reading in settings.asked:
        memory.use(digest, reading)
    return settings


def with_word(reading: ScaleReading, word: Word) -> ScaleReading:
    """A reading whose reason tells, too, what the printed settings say."""
    told = not word.reason or word.reason in reading.reason
    reason = reading.reason if told else f"{reading.reason}; {word.reason}"
    return replace(reading, reason=reason, field_box=word.field_box)


def is_thin(candidate: ScaleCandidate) -> bool:
    """Whether a certain reading rests on so little that the settings beside it are worth reading."""
    reading = candidate.reading
    assert reading is not None
    is_shown = not (reading.on_readers_alone or reading.point_in_doubt)
    return reading.confidence < (_SURE if is_shown else _SURE_OF_READERS)


def word_on(candidate: ScaleCandidate, settings: PrintedSettings, width: int) -> Word:
    """Hold a candidate against the settings.

    Parameters
    ----------
    candidate : ScaleCandidate
        With a length.
    settings : PrintedSettings
    width : int
        The picture's in pixels.

    Returns
    -------
    Word
        ``same`` within 3% of the printed field width; ``against`` where that is ten, a hundred or a thousand times
        this one, or where none is printed and the magnification is far from any display's; else ``silent``.
    """
    assert candidate.nm_per_px is not None
    field_nm = candidate.nm_per_px * width
    if settings.field is not None:
        return _by_field(candidate, settings.field, settings.magnification, field_nm)
    if settings.magnification is None or settings.has_field:
        return Word("silent")
    display_mm = field_nm * settings.magnification.value / 1e6
    if DISPLAY_MM[0] / _FAR <= display_mm <= DISPLAY_MM[1] * _FAR:
        return Word("silent", f"the printed magnification of {settings.magnification.value:.6g} does not contradict")
    times = settings.magnification.value
    return Word("against", f"at the printed magnification of {times:.6g} it would be shown {display_mm:.3g} mm wide")


def _by_field(
    candidate: ScaleCandidate, field: PrintedSetting, magnification: PrintedSetting | None, field_nm: float
) -> Word:
    if agree(field_nm, field.value):
        return Word("same", f"the printed field width of {field.text} is the same", field.box)
    ratio = field_nm / field.value
    decades = round(math.log10(ratio))
    allowed = _ROUNDING + 1.0 / candidate.segment.length_px
    is_decade = 1 <= abs(decades) <= _MOST_DECADES and abs(ratio / 10.0**decades - 1.0) <= allowed
    # What is too wide may have lost a point of its own.
    may_lack_point = decades < 0 and not field.shows_point and not _fits(field.value, magnification)
    if is_decade and not may_lack_point:
        return Word(
            "against", f"the printed field width of {field.text} is {10.0**-decades:g} times this one", field.box
        )
    return Word("silent", f"the printed field width of {field.text} is another than this picture's", field.box)


def _fits(field_nm: float, magnification: PrintedSetting | None) -> bool:
    """Whether a field is shown as wide as usual at a magnification; False without one."""
    return magnification is not None and _USUAL_MM[0] <= field_nm * magnification.value / 1e6 <= _USUAL_MM[1]


def borne_out(seen: Iterable[ScaleCandidate], settings: PrintedSettings, width: int) -> ScaleCandidate | None:
    """The first uncertain candidate that the printed field width makes certain; None where it makes none.

    A number whose unit could not be read takes the one that the field width gives it, if a magnification fits, too.
    """
    for candidate in seen:
        for variant in _meanings(candidate):
            if not may_be_borne_out(variant, width) or word_on(variant, settings, width).verdict != "same":
                continue
            is_guessed = candidate.nm_per_px is None and settings.magnification is None
            if not is_guessed and not _may_share_a_fault(variant, settings, width):
                return _made_certain(variant, settings, takes_unit=candidate.nm_per_px is None)
    return None


def _meanings(candidate: ScaleCandidate) -> list[ScaleCandidate]:
    """The candidate, and with a micro sign for a ``pm``; of a number with what may be a unit, one for each unit."""
    reading = candidate.reading
    match = _ALMOST_A_LENGTH.match(reading.text) if reading is not None and reading.value is None else None
    if reading is None or match is None:
        return variants(candidate)
    lengths = (parse_label(f"{match[1]} {unit}") for unit in _UNITS)
    return [replace(candidate, reading=replace(reading, value=length)) for length in lengths if length is not None]


def may_be_borne_out(candidate: ScaleCandidate, width: int) -> bool:
    """Whether an uncertain reading lacks nothing but evidence for its text."""
    if candidate.reading is None or candidate.reading.value is None or candidate.is_ruled_out:
        return False
    return is_usual_value(candidate.reading.value.value) and implausible(candidate, width) == ""


def _made_certain(candidate: ScaleCandidate, settings: PrintedSettings, *, takes_unit: bool) -> ScaleCandidate:
    assert candidate.reading is not None
    assert settings.field is not None
    sure = max(candidate.reading.confidence, _DISCOUNT * settings.field.confidence)
    reading = replace(candidate.reading, is_certain=True, confidence=sure)
    if takes_unit:
        reading = replace(reading, reason=f"{reading.text!r} with the unit that the printed field width gives it")
    return replace(candidate, reading=reading, rule="a field width bears it out")


def _may_share_a_fault(candidate: ScaleCandidate, settings: PrintedSettings, width: int) -> bool:
    """Whether what spoilt the label's text may have spoilt the field width's in the same way.

    Points get lost in all small print, and one unit is taken for another in all of it. A magnification that fits tells
    that the decade is right; without it the field width must show its point, in another unit than the label's.
    """
    assert candidate.nm_per_px is not None
    assert candidate.reading is not None
    assert candidate.reading.value is not None
    assert settings.field is not None
    if settings.magnification is not None:
        return not _fits(candidate.nm_per_px * width, settings.magnification)
    return not settings.field.shows_point or settings.field.text.endswith(candidate.reading.value.unit)
