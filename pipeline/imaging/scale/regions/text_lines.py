"""The lines of text on the constant ground of a data bar: boxes of the settings that stand beside the scale."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]

_SMALLEST_LETTER_PX: Final = 5
_TALLER_THAN_LETTERS: Final = 2.0
_WORD_GAPS: Final = (1.3, 1.1, 0.95, 0.8)
"""Words stand nearer than this share of the letters' height, in fonts of one width for all letters, too. What is joined
to a line too long for any setting is taken apart at narrower gaps."""

_LONGEST: Final = 12.0
_SAME_ROW: Final = 0.5
_MOST_PIECES: Final = 600


@dataclass(slots=True)
class _Line:
    left: int
    top: int
    right: int
    bottom: int
    members: list[tuple[int, int, int, int]]

    def takes(self, top: int, bottom: int, left: int, gap: float) -> bool:
        height = max(self.bottom - self.top, bottom - top)
        overlap = min(self.bottom, bottom) - max(self.top, top)
        return left - self.right <= gap * height and overlap >= _SAME_ROW * (bottom - top)

    def take(self, member: tuple[int, int, int, int]) -> None:
        x, y, width, height = member
        self.top, self.bottom, self.right = min(self.top, y), max(self.bottom, y + height), max(self.right, x + width)
        self.members.append(member)

    @property
    def box(self) -> Box:
        return self.left, self.top, self.right - self.left, self.bottom - self.top

    @property
    def is_long(self) -> bool:
        return self.right - self.left > _LONGEST * (self.bottom - self.top)


def text_lines(pieces: NDArray[np.int32]) -> list[Box]:
    """Group the pieces of a data bar's foreground to lines of text, single settings or a few of them.

    Other than `pipeline.imaging.scale.labels.box.text_boxes`, which looks for one label, this keeps apart what stands
    in rows and columns: pieces twice as high as the letters (logos, dividers, the scale's own ticks) join nothing.

    Parameters
    ----------
    pieces : int32 ndarray, [pieces, 5]
        As `pipeline.imaging.scale.foreground_pieces.piece_boxes` counts them; at most the 600 largest are looked at.

    Returns
    -------
    list of (x, y, width, height)
        Tight boxes in the pixels of the foreground, row by row and from the left; empty without letters.
    """
    letters = pieces[pieces[:, 3] >= _SMALLEST_LETTER_PX]
    if not len(letters):
        return []
    tallest = _TALLER_THAN_LETTERS * float(np.median(letters[:, 3]))
    kept = pieces[(pieces[:, 3] <= tallest) & (pieces[:, 4] >= 2)].astype(np.int64)
    kept = kept[np.argsort(-kept[:, 4], kind="stable")][:_MOST_PIECES]
    ordered = kept[np.lexsort((kept[:, 1], kept[:, 0]))]
    lines = _grouped([(x, y, width, height) for x, y, width, height, _ in ordered.tolist()], _WORD_GAPS[0])
    for gap in _WORD_GAPS[1:]:
        parts = [_grouped(line.members, gap) if line.is_long else [line] for line in lines]
        lines = [line for part in parts for line in part]
    return sorted((line.box for line in lines), key=lambda box: (box[1] + box[3] // 2, box[0]))


def _grouped(pieces: list[tuple[int, int, int, int]], gap: float) -> list[_Line]:
    """The lines of pieces that are ordered from the left."""
    lines: list[_Line] = []
    for x, y, width, height in pieces:
        fitting = [line for line in lines if line.takes(y, y + height, x, gap)]
        if fitting:
            max(fitting, key=lambda line: line.right).take((x, y, width, height))
        else:
            lines.append(_Line(x, y, x + width, y + height, [(x, y, width, height)]))
    return lines
