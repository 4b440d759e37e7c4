"""Pictures side by side with a line of text below each, as one PNG."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

EDGE_PX = 224
_GAP_PX = 10
_TITLE_PX, _TEXT_PX = 20, 13
_INK, _MUTED, _PAPER = (30, 30, 30), (105, 105, 105), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class SheetPicture:
    """A picture with what is written below it.

    Attributes
    ----------
    shown : sequence of arrays
        Side by side: gray, uint8 [H, W], or red, green, blue, uint8 [H, W, 3]; each at most `EDGE_PX` wide and high.
    caption, note : str
        A line each; cut where there is no room.
    """

    shown: Sequence[NDArray[np.uint8]]
    caption: str
    note: str = ""


def contact_sheet(title: str, pictures: Sequence[SheetPicture], *, columns: int = 6) -> bytes:
    """Draw the pictures row by row under a title, all cells of one size."""
    shown = max((len(one.shown) for one in pictures), default=1)
    columns = max(1, min(columns // shown, len(pictures)))
    width = shown * EDGE_PX + (shown - 1) * _GAP_PX
    height = EDGE_PX + 2 * (_TEXT_PX + 4)
    top = _TITLE_PX + 2 * _GAP_PX
    rows = -(-len(pictures) // columns)
    size = (columns * (width + _GAP_PX) + _GAP_PX, top + rows * (height + _GAP_PX) + _GAP_PX)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP_PX, _GAP_PX), _fitting(title, size[0] - 2 * _GAP_PX, _TITLE_PX), _INK, _font(_TITLE_PX))
    for place, one in enumerate(pictures):
        left = _GAP_PX + (place % columns) * (width + _GAP_PX)
        upper = top + (place // columns) * (height + _GAP_PX)
        for number, values in enumerate(one.shown):
            picture = Image.fromarray(np.ascontiguousarray(values))
            picture.thumbnail((EDGE_PX, EDGE_PX), Image.Resampling.BOX)
            sheet.paste(picture, (left + number * (EDGE_PX + _GAP_PX), upper + EDGE_PX - picture.height))
        for line, (text, ink) in enumerate(((one.caption, _INK), (one.note, _MUTED))):
            place_px = (left, upper + EDGE_PX + 4 + line * (_TEXT_PX + 4))
            draw.text(place_px, _fitting(text, width, _TEXT_PX), ink, _font(_TEXT_PX))
    sink = io.BytesIO()
    sheet.save(sink, format="PNG")
    return sink.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _fitting(text: str, width: int, size: int) -> str:
    """The text, its beginning cut where it is too long: the end of a path tells more."""
    font = _font(size)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength("..." + text) > width:
        text = text[1:]
    return "..." + text
