"""The figures of the calibration: the printed bars against the files' metadata, pixel sizes and field widths."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pipeline.records import SCALE_AGREEMENT
from pipeline.reporting.columns import Tables, filled, integers, numbers, texts
from pipeline.reporting.facts import length
from pipeline.reporting.figure_style import INK, MUTED, PALETTE, draw, log_axis, whole_ticks

_MOST_POINTS = 5000
_WIDEST_PERCENT = 5.0
_AGREES, _DISAGREES = PALETTE[2], PALETTE[3]


def bar_against_metadata(tables: Tables) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return nanometres a pixel by the bar and by the metadata, of the pictures that have both; None without any.

    Only bars whose reading stands by itself or beside the metadata count; what was read with too little evidence does
    not.
    """
    scales = filled(tables, "scales")
    if scales is None:
        return None
    printed, pixels = numbers(scales, "scale_nm"), numbers(scales, "bar_length_px")
    stated = numbers(scales, "metadata_nm_per_px")
    sure = np.array([word in ("agrees", "disagrees", "confirmed") for word in texts(scales, "status")], bool)
    both = sure & np.isfinite(stated) & (stated > 0) & np.isfinite(printed) & (pixels > 0)
    return (printed[both] / pixels[both], stated[both]) if both.any() else None


def scale_agreement(tables: Tables) -> bytes | None:
    """Draw the bars against the metadata; None where no picture has both."""
    found = bar_against_metadata(tables)
    if found is None:
        return None
    bar, stated = found
    return draw("scale_agreement", lambda figure: _paint_points(figure.add_subplot(), bar, stated), width=5.2)


def scale_deviations(tables: Tables) -> bytes | None:
    """Draw by how much the bars differ from the metadata; None where no picture has both."""
    found = bar_against_metadata(tables)
    if found is None:
        return None
    percent = 100 * (found[0] / found[1] - 1)
    return draw("scale_deviations", lambda figure: _paint_deviations(figure.add_subplot(), percent), width=5.2)


def _paint_points(axes: Axes, bar: NDArray[np.float64], stated: NDArray[np.float64]) -> None:
    step = -(-bar.size // _MOST_POINTS)
    order = np.lexsort((bar, stated))[::step]
    bar, stated = bar[order], stated[order]
    good = np.abs(bar / stated - 1) <= SCALE_AGREEMENT
    low, high = min(bar.min(), stated.min()) / 1.5, max(bar.max(), stated.max()) * 1.5
    axes.plot([low, high], [low, high], color=MUTED, linewidth=0.9, zorder=1)
    for chosen, color, name in ((good, _AGREES, "agree"), (~good, _DISAGREES, "differ")):
        if chosen.any():
            axes.plot(stated[chosen], bar[chosen], "o", color=color, alpha=0.65, markersize=4.5, label=name)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    log_axis(axes, "x", length)
    log_axis(axes, "y", length)
    axes.tick_params(axis="x", labelrotation=30)
    axes.set_aspect("equal")
    axes.legend(loc="upper left", handletextpad=0.2)
    axes.set_title("Pixel size, two sources")
    axes.set_xlabel("by the metadata")
    axes.set_ylabel("by the bar")


def _paint_deviations(axes: Axes, percent: NDArray[np.float64]) -> None:
    inside = percent[np.abs(percent) <= _WIDEST_PERCENT]
    heights, edges = np.histogram(inside, bins=np.linspace(-_WIDEST_PERCENT, _WIDEST_PERCENT, 41))
    colors = [_AGREES if abs(middle) <= 100 * SCALE_AGREEMENT else _DISAGREES for middle in edges[:-1] + 0.125]
    axes.bar(edges[:-1], heights, width=0.22, align="edge", color=colors)
    for limit in (-100 * SCALE_AGREEMENT, 100 * SCALE_AGREEMENT):
        axes.axvline(limit, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set_xlim(-_WIDEST_PERCENT, _WIDEST_PERCENT)
    axes.set_ylim(0, max(1.0, 1.1 * float(heights.max())))
    axes.grid(False, axis="x")
    whole_ticks(axes, "y")
    axes.set_title("Bar less metadata")
    axes.set_xlabel("percent; the dashed lines are the limits of agreement")
    left_out = percent.size - inside.size
    axes.set_ylabel("pictures" if left_out == 0 else f"pictures ({left_out:,} farther off)")


def pixel_sizes(tables: Tables) -> bytes | None:
    """Draw how the pixel sizes of the pictures are spread; None where no picture has a value."""
    scales = filled(tables, "scales")
    if scales is None:
        return None
    return _spread("pixel_sizes", numbers(scales, "nm_per_px"), "Pixel sizes", "length of a pixel")


def field_widths(tables: Tables) -> bytes | None:
    """Draw how the field widths of the pictures are spread; None where no picture has a scale and a width."""
    scales, images = filled(tables, "scales"), filled(tables, "images")
    if scales is None or images is None:
        return None
    width = dict(zip(integers(images, "image").tolist(), numbers(images, "width_px").tolist(), strict=True))
    widths_px = np.array([width.get(image, np.nan) for image in integers(scales, "image").tolist()])
    lengths_nm = numbers(scales, "nm_per_px") * widths_px
    return _spread("field_widths", lengths_nm, "Field widths", "width of the picture on the specimen")


def _spread(name: str, lengths_nm: NDArray[np.float64], title: str, what: str) -> bytes | None:
    known = lengths_nm[np.isfinite(lengths_nm) & (lengths_nm > 0)]
    if not known.size:
        return None
    return draw(name, lambda figure: _paint_lengths(figure.add_subplot(), known, title, what), width=5.2)


def _paint_lengths(axes: Axes, lengths_nm: NDArray[np.float64], title: str, what: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(what)
    axes.set_ylabel("pictures")
    low, high = float(lengths_nm.min()) / 1.2, float(lengths_nm.max()) * 1.2
    bins = max(8, min(40, round(8 * np.log10(high / low))))
    edges = np.geomspace(low, high, bins + 1)
    heights, _ = np.histogram(lengths_nm, bins=edges)
    axes.bar(edges[:-1], heights, width=0.92 * np.diff(edges), align="edge", color=PALETTE[0])
    axes.set_xlim(low, high)
    log_axis(axes, "x", length)
    axes.tick_params(axis="x", labelrotation=30)
    axes.grid(False, axis="x")
    whole_ticks(axes, "y")
