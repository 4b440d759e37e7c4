"""One picture with all that was found of its scale: data bar, segment, label, and the decision in words."""

import io
import textwrap
import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pipeline.records import SCALE_STATUSES_WITH_VALUE, ScaleReading, ShownCandidate
from pipeline.reporting.facts import length

_PAGE, _INK, _MUTED, _LINE = "#ffffff", "#1d2630", "#66717e", "#d3d9e0"
_SEGMENT, _LABEL, _BAR, _FIELD = "#ee7733", "#0077bb", "#009988", "#aa3377"
_GOOD, _BAD = "#00756a", "#b3351c"
_WIDTH_IN: Final = 10.0
_DPI: Final = 120
_LOWER_IN: Final = 2.7
_SHOWN_PX: Final = 1400
_ROW_IN: Final = 0.15
_COLUMNS: Final = 3
_LISTED_LETTERS: Final = 66

Box = tuple[int, int, int, int]


def draw_scale(
    gray: NDArray[np.uint8], reading: ScaleReading, *, title: str, candidates: Sequence[ShownCandidate] = ()
) -> bytes:
    """Draw a picture with its reading.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
        The whole picture, data bar included.
    reading : ScaleReading
        Boxes in pixels of the picture.
    title : str
        What to call the picture; shown as it is.
    candidates : sequence of ShownCandidate, optional
        What else was found, drawn thinly and numbered; the numbers are explained below the picture.

    Returns
    -------
    bytes
        A PNG file 1,200 px wide.
    """
    height, width = gray.shape
    upper_in = min(9.0, max(1.5, (_WIDTH_IN - 0.5) * height / width))
    listed_in = _ROW_IN * -(-len(candidates) // _COLUMNS)
    sink = io.BytesIO()
    style: dict[Any, Any] = {"font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "text.parse_math": False}
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        total = upper_in + _LOWER_IN + listed_in + 0.55
        figure = Figure(figsize=(_WIDTH_IN, total), facecolor=_PAGE)
        figure.text(0.025, 1 - 0.2 / total, _printable(title), color=_INK, fontsize=11, weight="bold", va="center")
        lower_in = _LOWER_IN + listed_in
        top = figure.add_axes((0.025, (lower_in + 0.1) / total, 0.95, upper_in / total))
        _paint_candidates(top, candidates)
        _paint_picture(top, gray, reading)
        _list_candidates(figure, candidates, listed_in / total)
        boxes = [box for box in (reading.segment_box, reading.text_box) if box is not None]
        if boxes:
            near = figure.add_axes((0.025, (listed_in + 0.25) / total, 0.5, (_LOWER_IN - 0.45) / total))
            _paint_zoom(near, gray, reading, boxes)
        words = figure.add_axes((0.55 if boxes else 0.025, (listed_in + 0.1) / total, 0.425, (_LOWER_IN - 0.2) / total))
        _paint_words(words, reading, columns=58 if boxes else 120)
        figure.savefig(sink, format="png", dpi=_DPI, metadata={"Software": None})
    return sink.getvalue()


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _show(axes: Axes, gray: NDArray[np.uint8], box: tuple[int, int, int, int], smooth: bool) -> None:
    left, top, right, bottom = box
    step = max(1, (right - left) // _SHOWN_PX)
    axes.imshow(
        gray[top:bottom:step, left:right:step],
        cmap="gray",
        vmin=0,
        vmax=255,
        extent=(left, right, bottom, top),
        interpolation="antialiased" if smooth else "nearest",
    )
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(_LINE)


def _frame(axes: Axes, box: Box, color: str, *, air: float, width: float = 1.8) -> None:
    x, y, w, h = box
    axes.add_patch(
        Rectangle((x - air, y - air), w + 2 * air, h + 2 * air, fill=False, edgecolor=color, linewidth=width)
    )


def _paint_picture(axes: Axes, gray: NDArray[np.uint8], reading: ScaleReading) -> None:
    height, width = gray.shape
    _show(axes, gray, (0, 0, width, height), smooth=True)
    axes.set_anchor("NW")
    if reading.bar_top_px is not None:
        axes.axhline(reading.bar_top_px, color=_BAR, linewidth=1.8)
        axes.axhspan(reading.bar_top_px, height, color=_BAR, alpha=0.16, linewidth=0)
        axes.annotate(
            f"data bar from row {reading.bar_top_px}",
            (width, reading.bar_top_px),
            xytext=(-4, 3),
            textcoords="offset points",
            bbox={"boxstyle": "round,pad=0.25", "facecolor": _BAR, "edgecolor": "none"},
            color="white",
            fontsize=8.5,
            va="bottom",
            ha="right",
        )
    air = max(2.0, width / 400)
    if reading.segment_box is not None:
        _frame(axes, reading.segment_box, _SEGMENT, air=air)
    if reading.text_box is not None:
        _frame(axes, reading.text_box, _LABEL, air=air)
    if reading.field_box is not None:
        _frame(axes, reading.field_box, _FIELD, air=air)
        _paint_name(axes, "field width", reading.field_box)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)


def _paint_candidates(axes: Axes, candidates: Sequence[ShownCandidate]) -> None:
    for number, one in enumerate(candidates, start=1):
        for box, color in ((one.mark, _SEGMENT), (one.text, _LABEL)):
            if box is not None:
                _frame(axes, box, color, air=0.5, width=0.7)
        x, y = (one.mark or one.text or (0, 0, 0, 0))[:2]
        axes.text(x, y, f"{number} ", color=_SEGMENT if one.mark else _LABEL, fontsize=6, ha="right", va="bottom")


def _list_candidates(figure: Figure, candidates: Sequence[ShownCandidate], share: float) -> None:
    rows = -(-len(candidates) // _COLUMNS)
    for place, one in enumerate(candidates):
        column, row = divmod(place, rows)
        words = textwrap.shorten(_printable(f"{place + 1}  {one.words}"), _LISTED_LETTERS, placeholder=" ...")
        y = share * (1 - (row + 0.5) / rows)
        figure.text(0.025 + column * 0.95 / _COLUMNS, y, words, color=_MUTED, fontsize=7, va="center")


def _paint_name(axes: Axes, name: str, box: Box) -> None:
    axes.annotate(
        name,
        (box[0] + box[2] / 2, box[1] + box[3]),
        xytext=(0, -5),  # its own name may stand above it
        textcoords="offset points",
        bbox={"boxstyle": "round,pad=0.2", "facecolor": _FIELD, "edgecolor": "none"},
        color="white",
        fontsize=7.5,
        va="top",
        ha="center",
    )


def _paint_zoom(axes: Axes, gray: NDArray[np.uint8], reading: ScaleReading, boxes: list[Box]) -> None:
    height, width = gray.shape
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    air = max(8, round(0.08 * (right - left)))
    left, right = max(0, left - air), min(width, right + air)
    # As high as the room that the panel has, so that the pixels fill it.
    wanted = max(bottom - top + 2 * air, round((right - left) * 0.42))
    middle = (top + bottom) // 2
    top, bottom = max(0, middle - wanted // 2), min(height, middle + wanted // 2 + 1)
    _show(axes, gray, (left, top, right, bottom), smooth=False)
    axes.set_anchor("NW")
    if reading.segment_box is not None:
        _frame(axes, reading.segment_box, _SEGMENT, air=1.0, width=1.6)
        _paint_length(axes, reading, reading.segment_box)
    if reading.text_box is not None:
        _frame(axes, reading.text_box, _LABEL, air=1.0, width=1.6)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _paint_length(axes: Axes, reading: ScaleReading, box: Box) -> None:
    if reading.bar_length_px is None:
        return
    label = reading.text_box
    below = label is not None and label[1] + label[3] / 2 < box[1] + box[3]  # where the label is not
    axes.annotate(
        f"{reading.bar_length_px:.6g} px",
        (box[0] + box[2] / 2, box[1] + (box[3] if below else 0)),
        xytext=(0, -5 if below else 5),
        textcoords="offset points",
        ha="center",
        va="top" if below else "bottom",
        fontsize=8.5,
        color="white",
        bbox={"boxstyle": "round,pad=0.25", "facecolor": _SEGMENT, "edgecolor": "none"},
    )


def _paint_words(axes: Axes, reading: ScaleReading, *, columns: int) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(1, 0)
    good = reading.status in SCALE_STATUSES_WITH_VALUE
    color = _GOOD if good else _BAD
    axes.text(
        0.012,
        0.09,
        reading.status.replace("_", " "),
        color="white",
        fontsize=11,
        weight="bold",
        va="center",
        bbox={"boxstyle": "round,pad=0.35", "facecolor": color, "edgecolor": "none"},
    )
    value = f"{length(reading.nm_per_px)} a pixel" if reading.nm_per_px is not None else "no value"
    axes.text(0.0, 0.29, value, color=_INK, fontsize=16, weight="bold", va="center")
    lines = [line for line in _facts(reading) if line]
    why = textwrap.wrap(_printable(reading.reason), columns)[:5]
    axes.text(0.0, 0.41, "\n".join(lines), color=_INK, fontsize=9, va="top", linespacing=1.5)
    axes.text(0.0, 0.44 + 0.098 * len(lines), "\n".join(why), color=_MUTED, fontsize=8.5, va="top", linespacing=1.4)


def _facts(reading: ScaleReading) -> list[str]:
    text = _printable(reading.text)
    bar = f"label “{text}”" if text else "no label read"
    if reading.scale_nm is not None and reading.bar_length_px:
        size = reading.scale_nm / reading.bar_length_px
        bar = f"bar: {text} / {reading.bar_length_px:.6g} px = {length(size)} a pixel"
    elif reading.bar_length_px:
        bar = f"{bar}, segment of {reading.bar_length_px:.6g} px"
    metadata = reading.metadata_nm_per_px
    return [
        bar,
        "metadata: none" if metadata is None else f"metadata: {length(metadata)} a pixel",
        f"confidence {reading.confidence:.2f}" if reading.text else "",
        f"rule: {reading.rule}" if reading.rule else "",
    ]
