"""What the word of the networks that find a label's bar is worth: how sure they must be, and which stroke they mean."""

from typing import Final

from pipeline.imaging.scale.bars.segment import Segment
from pipeline.imaging.scale.recognition.bar_finder import SeenBar
from pipeline.records import SCALE_AGREEMENT

BLUR_PX: Final = 5.0
"""What two ways to measure one end of a bar may differ by."""

_SURE: Final = 0.75
_SURE_OF_END: Final = 0.5
_SURE_ALONE: Final = 0.92
_SURE_OF_END_ALONE: Final = 0.7
"""On the drawings that thresholds are set on, 37 of 37 bars above 0.9 were right, 41 of 43 above 0.7."""


def is_sure(bar: SeenBar) -> bool:
    """Whether the networks are sure enough of a bar to bear a stroke out."""
    return bar.share >= _SURE and bar.end_share >= _SURE_OF_END and bar.length_px > 0


def is_sure_alone(bar: SeenBar) -> bool:
    """Whether they are sure enough that no rule need see the bar."""
    return bar.share >= _SURE_ALONE and bar.end_share >= _SURE_OF_END_ALONE and bar.length_px > 0


def is_that(bar: SeenBar, segment: Segment) -> bool:
    """Whether a segment is the bar that the networks see: there, and as long, within what two readings differ by."""
    x, y, width, height = segment.box
    within = max(BLUR_PX, SCALE_AGREEMENT * bar.length_px)
    is_there = abs(x - bar.left) <= within and abs(x + width - bar.right) <= within
    is_in_row = y - within <= bar.row <= y + height + within
    return is_there and is_in_row and abs(segment.length_px - bar.length_px) <= SCALE_AGREEMENT * bar.length_px
