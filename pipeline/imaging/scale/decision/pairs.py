"""Which mark a text labels: every pair of a length and a mark near it, with a score from 0 to 1.

Two finders propose the marks, and each is asked about the other's: rules on strokes (`bars.anywhere`), which measure
exactly, and two networks (`recognition.bar_finder`), which know bars of any kind.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.bars.anywhere import Mark, marks_near
from pipeline.imaging.scale.bars.segment import Segment
from pipeline.imaging.scale.decision.seen_bars import BLUR_PX, is_sure, is_sure_alone, is_that
from pipeline.imaging.scale.labels.anywhere import PrintedText
from pipeline.imaging.scale.labels.box import Place
from pipeline.imaging.scale.recognition.bar_finder import SeenBar, bar_finder

_BY_KIND: Final = {"ruler": 1.0, "broken": 1.0, "ticked": 1.0, "solid": 1.0, "line": 0.9}
_FULL_CONTRAST: Final = 80
_THIN_SHARE: Final = 0.75
_FARTHEST: Final = 20.0
_SHORTEST: Final = 1.0
_NEARLY: Final = 0.75
_RIM: Final = 0.6
_SAME_GROUND: Final = 60
_OTHER_GROUND: Final = 0.9

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Pair:
    """A length and a mark that it may label.

    Attributes
    ----------
    text : PrintedText
    mark : Mark
    place : str
        Where the label stands.
    score : float
        How well they go together, 1 at best.
    is_seen : bool
        Whether the networks see a bar of that length there.
    """

    text: PrintedText
    mark: Mark
    place: Place
    score: float
    is_seen: bool

    @property
    def nm_per_px(self) -> float:
        """Nanometres a pixel, if the text labels the mark."""
        assert self.text.value is not None
        return self.text.value.scale_nm / self.mark.segment.length_px


def scored_pairs(gray: NDArray[np.uint8], texts: Sequence[PrintedText]) -> list[Pair]:
    """Pair every length with the marks around it.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    texts : sequence of PrintedText

    Returns
    -------
    list of Pair
        The best first; empty where no text is a length or none has a mark.
    """
    found = []
    for text in texts:
        if text.value is None or text.foreground == text.background:
            continue
        others = [other.box for other in texts if other is not text and other.is_text]
        bar = bar_finder().find(gray, text.box, text.foreground, text.background)
        beside = list(_pairs_by_rules(gray, text, others, bar))
        if is_sure_alone(bar) and not any(pair.is_seen for pair in beside):
            mark = _as_mark(gray, bar, text)
            place = _side(text.box, mark.segment.box)
            beside.append(Pair(text, mark, place, round(bar.share, 3), is_seen=True))
        found += beside
    found.sort(key=lambda pair: (-pair.score, -pair.mark.segment.length_px))
    return [pair for pair in found if not any(_is_part(pair, other) for other in found)]


def _pairs_by_rules(gray: NDArray[np.uint8], text: PrintedText, others: Sequence[Box], bar: SeenBar) -> Iterator[Pair]:
    """The text with each stroke, ruler or broken line near it; one that the networks see has their share at least."""
    for mark in marks_near(gray, text.box, foreground=text.foreground, background=text.background):
        placed = _placed(text.box, mark.segment.box, others, kind=mark.segment.kind)
        if placed is None or _is_in_text(mark, text.box, others) or _is_rim_of_plate(mark, text):
            continue
        place, nearness = placed
        score = nearness * _quality(mark, text)
        is_seen = is_sure(bar) and is_that(bar, mark.segment)
        if is_seen and is_sure_alone(bar) and mark.segment.kind in ("line", "solid"):
            # The rules measure a stroke without the tips of its arrows, and with its rim.
            mark = replace(mark, segment=replace(mark.segment, length_px=round(bar.length_px, 2)))
        yield Pair(text, mark, place, round(max(score, bar.share) if is_seen else score, 3), is_seen=is_seen)


def _as_mark(gray: NDArray[np.uint8], bar: SeenBar, text: PrintedText) -> Mark:
    """The networks' bar as a mark, in a box of a few rows."""
    left, right = round(bar.left), round(bar.right)
    row = min(max(0, round(bar.row)), gray.shape[0] - 1)
    box = (left, max(0, row - 1), max(1, right - left), 3)
    segment = Segment("seen", box, round(bar.length_px, 2), box)
    level = int(gray[row, min(max(0, (left + right) // 2), gray.shape[1] - 1)])
    return Mark(segment, abs(text.foreground - text.background), level, text.background)


def _side(label: Box, mark: Box) -> Place:
    """Where a label stands beside the networks' bar."""
    x, y, width, height = label
    mark_x, mark_y, mark_width, _ = mark
    if min(x + width, mark_x + mark_width) - max(x, mark_x) < 0.5 * min(width, mark_width):
        return "left" if x < mark_x else "right"
    if y <= mark_y + 1 <= y + height:
        return "inside"
    return "above" if y < mark_y else "below"


def _is_part(one: Pair, other: Pair) -> bool:
    """Whether a mark is a piece of another one that goes nearly as well with the same text."""
    (x, y, width, height), (other_x, other_y, other_width, other_height) = one.mark.segment.box, other.mark.segment.box
    if one is other or one.text is not other.text or other_width <= width or other.score < _NEARLY * one.score:
        return False
    is_within = other_x - BLUR_PX <= x and x + width <= other_x + other_width + BLUR_PX
    return is_within and y < other_y + other_height and other_y < y + height


def _is_rim_of_plate(mark: Mark, text: PrintedText) -> bool:
    """Whether a mark right above or below a text has the level of its ground: the margin of the plate it stands on."""
    x, y, width, height = text.box
    mark_x, mark_y, mark_width, mark_height = mark.segment.box
    is_within = x - height <= mark_x and mark_x + mark_width <= x + width + height
    is_near = max(mark_y - y - height, y - mark_y - mark_height) < _RIM * height
    return is_within and is_near and abs(mark.level - text.background) < abs(mark.level - text.foreground)


def _placed(label: Box, mark: Box, others: Sequence[Box], *, kind: str) -> tuple[Place, float] | None:
    """Where a label stands beside a mark, and how near: 1 at best; None where it can't be its label."""
    x, y, width, height = label
    mark_x, mark_y, mark_width, mark_height = mark
    middle, mark_middle = y + height / 2, mark_y + mark_height / 2
    if kind == "broken":
        return "gap", 1.0
    covered = min(x + width, mark_x + mark_width) - max(x, mark_x)
    if covered >= 0.5 * min(width, mark_width):
        is_above = middle < mark_middle
        apart = (mark_y - y - height if is_above else y - mark_y - mark_height) / height
        if not -0.35 <= apart <= 2.5:
            return None
        aside = abs(x + width / 2 - mark_x - mark_width / 2) / max(width, mark_width)
        off = 0.0 if kind == "ruler" else 0.25 * aside
        return ("above" if is_above else "below"), max(0.0, 1.0 - 0.2 * max(0.0, apart) - off)
    if abs(middle - mark_middle) > 0.75 * height:
        return None
    apart = max(mark_x - x - width, x - mark_x - mark_width) / height
    if not -0.3 <= apart <= _FARTHEST or (apart > 2 and _is_between(label, mark, others)):
        return None
    side: Place = "left" if x < mark_x else "right"
    return side, max(0.7, 0.95 - 0.05 * max(0.0, apart)) - 0.1 * abs(middle - mark_middle) / height


def _is_between(label: Box, mark: Box, others: Sequence[Box]) -> bool:
    """Whether another text stands between a mark and its label, in their row."""
    left, right = min(label[0] + label[2], mark[0] + mark[2]), max(label[0], mark[0])
    row = label[1] + label[3] / 2
    return any(y <= row <= y + height and x + width > left and x < right for x, y, width, height in others)


def _is_in_text(mark: Mark, label: Box, others: Sequence[Box]) -> bool:
    """Whether a mark is a stroke of a letter, of the label or another text."""
    x, y, width, height = mark.segment.line_box
    if mark.segment.kind in ("ruler", "broken"):
        return False
    for other_x, other_y, other_width, other_height in (label, *others):
        is_within = other_x - 2 <= x and x + width <= other_x + other_width + 2
        if is_within and other_y + 0.1 * other_height <= y + height / 2 <= other_y + 0.85 * other_height:
            return True
    return False


def _quality(mark: Mark, text: PrintedText) -> float:
    """How much a mark looks like a bar: as clear as its label, sharp, on its ground, longer than a letter."""
    segment = mark.segment
    full = min(_FULL_CONTRAST, abs(text.foreground - text.background))
    worth = _BY_KIND.get(segment.kind, 0.0) * (0.4 + 0.6 * min(1.0, mark.contrast / full))
    if segment.kind == "line" and segment.line_box[3] == 1 and mark.contrast < full:
        worth *= _THIN_SHARE
    if abs(mark.ground - text.background) > _SAME_GROUND:
        worth *= _OTHER_GROUND
    if segment.length_px < _SHORTEST * text.box[3]:
        worth *= 0.5
    return worth * (0.6 if abs(mark.blur_px) > BLUR_PX else 1.0)
