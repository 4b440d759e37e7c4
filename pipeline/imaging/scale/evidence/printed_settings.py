"""The field width and the magnification that a data bar prints beside its scale.

A length counts as the field's width where its name stands with it (`pipeline.imaging.scale.evidence.setting_text`),
before it in the same row, or above it, as in FEI's tables.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.evidence.setting_text import names_field, parse_field, parse_times
from pipeline.imaging.scale.labels.box import SMALLEST_TEXT_PX
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.recognition.text import text_crop
from pipeline.imaging.scale.regions.databar import DataBar, foreground_and_pieces
from pipeline.imaging.scale.regions.text_lines import Box, text_lines

_MOST_LINES: Final = 32
_WIDEST: Final = 40
_NAME_GAP: Final = 8.0
_ROW_GAP: Final = 2.5


@dataclass(frozen=True, slots=True)
class PrintedSetting:
    """A field width in nanometres, or a magnification, as it is printed.

    `text` is what was read, `box` where (x, y, width, height, in pixels of the picture), `confidence` from 0 to 1.
    """

    value: float
    text: str
    box: Box
    confidence: float

    @property
    def shows_point(self) -> bool:
        """Whether the number has a decimal point."""
        return re.search(r"[0-9][.,][0-9]", self.text) is not None


@dataclass(frozen=True, slots=True)
class PrintedSettings:
    """What a data bar says of the picture's width; None where it says nothing, or two things.

    `has_field` is true, too, where only the name of a field width could be read; `asked` are the crops that were read,
    as `pipeline.imaging.scale.recognition.memory.LabelMemory` knows them.
    """

    field: PrintedSetting | None = None
    magnification: PrintedSetting | None = None
    has_field: bool = False
    asked: tuple[tuple[str, LabelReading], ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    box: Box
    reading: LabelReading


def read_settings(gray: NDArray[np.uint8], bar: DataBar, memory: LabelMemory) -> PrintedSettings:
    """Read the settings printed in a data bar.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    bar : DataBar
        A region of constant ground; print on a specimen is not read, where points and strokes get lost.
    memory : LabelMemory
        Reads the lines, each distinct crop once.

    Returns
    -------
    PrintedSettings
        Of values that were read for certain.

    Notes
    -----
    About 7 to 10 ms of CPU at first look, 2 to 4 where all lines were seen before: for readings that it may decide.
    """
    if bar.background == "picture":
        return PrintedSettings()
    foreground, pieces = foreground_and_pieces(gray, bar)
    lines, asked = [], []
    for x, y, width, height in [box for box in text_lines(pieces) if _may_be_text(box)][:_MOST_LINES]:
        box = x + bar.left, y + bar.top, width, height
        digest, reading = memory.read_line(text_crop(gray, box, foreground[y : y + height, x : x + width]))
        asked.append((digest, reading))
        lines.append(_Line(box, reading))
    has_field = any(names_field(line.reading.text) for line in lines)
    return PrintedSettings(_only(_fields(lines)), _only(_magnifications(lines)), has_field, tuple(asked))


def _may_be_text(box: Box) -> bool:
    return box[3] >= SMALLEST_TEXT_PX and box[3] <= box[2] <= _WIDEST * box[3]


def _fields(lines: Sequence[_Line]) -> list[PrintedSetting]:
    found = []
    for line in (one for one in lines if one.reading.is_certain):
        # The name may stand in the same line, in one before it, or in one above it.
        near = (_next_to(line, lines, before=True), _next_to(line, lines, before=False))
        names = ["", *(one.reading.text for one in near if one is not None and one.reading.is_certain)]
        field = next((field for name in names if (field := parse_field(line.reading.text, name=name))), None)
        if field is not None:
            found.append(PrintedSetting(field.nm, field.text, line.box, line.reading.confidence))
    return found


def _magnifications(lines: Sequence[_Line]) -> list[PrintedSetting]:
    found = []
    for line in lines:
        value = parse_times(line.reading.text) if line.reading.is_certain else None
        if value is not None:
            found.append(PrintedSetting(value, line.reading.text, line.box, line.reading.confidence))
    return found


def _next_to(line: _Line, lines: Sequence[_Line], *, before: bool) -> _Line | None:
    """The nearest line to the left in the same row, or above in the same column."""
    along, across, reach = (0, 1, _NAME_GAP) if before else (1, 0, _ROW_GAP)
    distances = []
    for other in lines:
        end = other.box[along] + other.box[along + 2]
        first = max(line.box[across], other.box[across])
        last = min(line.box[across] + line.box[across + 2], other.box[across] + other.box[across + 2])
        shares = last - first >= 0.5 * min(line.box[across + 2], other.box[across + 2])
        if other is not line and shares and 0 <= line.box[along] - end <= reach * line.box[3]:
            distances.append((line.box[along] - end, other))
    return min(distances, key=lambda one: one[0])[1] if distances else None


def _only(found: list[PrintedSetting]) -> PrintedSetting | None:
    """The one setting that was found, also twice; None where two differ."""
    return found[0] if found and all(one.value == found[0].value for one in found) else None
