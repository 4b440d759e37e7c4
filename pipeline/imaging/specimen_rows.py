"""Which rows of a picture show specimen and no print: networks must not learn a data bar's text."""

from dataclasses import dataclass
from typing import Final

_LEAST_PICTURE: Final = 0.5
"""Less than this share of a picture beside its "print" is no print but a misread picture."""


@dataclass(frozen=True, slots=True)
class Print:
    """What was found printed on a picture.

    Attributes
    ----------
    bar_top_px : int
        First row of the data bar, which closes the picture at the bottom; -1 without one.
    spans : tuple of (first, end)
        Rows, end exclusive, of the scale bar, its label and a printed field width; empty where nothing was read.
    """

    bar_top_px: int = -1
    spans: tuple[tuple[int, int], ...] = ()


NO_PRINT: Final = Print()


def specimen_rows(height: int, found: Print) -> slice:
    """The rows that a network may see.

    All above the data bar, and of these the larger part above or below the print: a label may stand above the bar's
    stripe, and on a picture without a stripe the scale bar and its label stand on the specimen. A part of less than
    half of the picture is not believed, and its print stays.

    Examples
    --------
    >>> specimen_rows(768, Print(700, ((710, 730),)))
    slice(0, 700, None)
    >>> specimen_rows(768, Print(-1, ((690, 700), (705, 730))))
    slice(0, 690, None)
    """
    rows = slice(0, height)
    if found.bar_top_px >= _LEAST_PICTURE * height:
        rows = slice(0, min(height, found.bar_top_px))
    inside = [(max(first, 0), min(end, rows.stop)) for first, end in found.spans if first < rows.stop]
    if inside:
        above = slice(0, min(first for first, _ in inside))
        below = slice(max(end for _, end in inside), rows.stop)
        larger = max(above, below, key=lambda part: part.stop - part.start)
        if larger.stop - larger.start >= _LEAST_PICTURE * height:
            rows = larger
    return rows
