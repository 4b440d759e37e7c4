"""Figures of the corpus: what became of the files, their formats, the scales printed in the pictures."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.records import SCALE_STATUSES_WITH_VALUE
from pipeline.reporting.columns import Tables, counts, filled, numbers, texts
from pipeline.reporting.figure_style import ACCENT, MUTED, PALETTE, draw, horizontal_bars, whole_ticks

_GOOD, _BAD, _NEUTRAL = PALETTE[2], PALETTE[3], MUTED
_FILE_COLORS = {"ok": _GOOD, "duplicate": ACCENT, "gone": _NEUTRAL, "unsupported": _NEUTRAL}

SMALLEST_SCALE_NM, LARGEST_SCALE_NM = 1.0, 1e6
_STEPS = (1, 2, 5)


def ledger_status(tables: Tables) -> bytes | None:
    """Draw how many files have which status; None without a ledger."""
    files = filled(tables, "files")
    if files is None:
        return None
    found = counts(texts(files, "status"))

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(title="What became of every file")
        names = [name.replace("_", " ") for name, _ in found]
        colors = [_FILE_COLORS.get(name, _BAD) for name, _ in found]
        horizontal_bars(axes, names, [count for _, count in found], colors)
        axes.set_xlabel("files")

    return draw("ledger_status", paint, width=5.2, height=_bars_height(len(found)))


def formats(tables: Tables) -> bytes | None:
    """Draw how many files have which format, found from their content; None without a ledger."""
    files = filled(tables, "files")
    if files is None:
        return None
    found = counts([name or "not an image" for name in texts(files, "format")])

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(title="Formats, found from the content")
        horizontal_bars(axes, [name for name, _ in found], [count for _, count in found], [ACCENT] * len(found))
        axes.set_xlabel("files")

    return draw("formats", paint, width=5.2, height=_bars_height(len(found)))


def scale_histogram(tables: Tables) -> bytes | None:
    """Draw the scales that the pictures' bars state; None without ``scales``."""
    scales = filled(tables, "scales")
    if scales is None:
        return None
    printed = numbers(scales, "scale_nm")

    def paint(figure: Figure) -> None:
        _paint_scales(figure.add_subplot(), printed[np.isfinite(printed) & (printed > 0)])

    return draw("scale_histogram", paint, width=5.2, height=3.4)


def scale_endings(tables: Tables) -> bytes | None:
    """Draw how reading the scales ended; None without ``scales``."""
    scales = filled(tables, "scales")
    if scales is None:
        return None
    status = counts(texts(scales, "status"))

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(title="How reading ended")
        names = [name.replace("_", " ") for name, _ in status]
        colors = [_GOOD if name in SCALE_STATUSES_WITH_VALUE else _NEUTRAL for name, _ in status]
        horizontal_bars(axes, names, [count for _, count in status], colors)
        axes.set_xlabel("pictures")

    return draw("scale_endings", paint, width=5.2, height=3.4)


def _paint_scales(axes: Axes, scales_nm: NDArray[np.float64]) -> None:
    inside = scales_nm[(scales_nm >= SMALLEST_SCALE_NM / 2) & (scales_nm <= LARGEST_SCALE_NM * 2)]
    edges = _edges_nm()
    heights, _ = np.histogram(inside, bins=edges)
    widths = np.diff(edges)
    axes.bar(edges[:-1] + 0.06 * widths, heights, width=0.88 * widths, align="edge", color=ACCENT)
    axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, max(1.0, 1.1 * float(heights.max())))
    axes.set_xticks(10.0 ** np.arange(7), ["1 nm", "10 nm", "100 nm", "1 µm", "10 µm", "100 µm", "1 mm"])
    axes.tick_params(axis="x", which="minor", length=0)
    axes.grid(False, axis="x")
    whole_ticks(axes, "y")
    axes.set_title("Scales printed in the pictures")
    axes.set_xlabel("length that the scale bar states")
    left_out = scales_nm.size - inside.size
    axes.set_ylabel("pictures" if left_out == 0 else f"pictures ({left_out:,} outside the axis)")


def _edges_nm() -> NDArray[np.float64]:
    """Bin edges half-way, on the log axis, between the values 1, 2, 5, 10, ... that bars are made in."""
    values = np.array([step * 10.0**power for power in range(-1, 7) for step in _STEPS])
    values = values[(values >= 0.5) & (values <= 2e6)]
    edges: NDArray[np.float64] = np.sqrt(values[:-1] * values[1:])
    return edges


def _bars_height(bars: int) -> float:
    return 1.15 + 0.3 * max(bars, 2)
