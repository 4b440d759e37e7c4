"""One look for all figures: colour-blind safe, transparent, readable on light and on dark pages.

Figures are plain SVG of neutral colours, so that they stand alone in any viewer. The page replaces the
three neutral colours by its own theme's variables when it puts a figure inline (`pipeline.reporting.inline_svg`).
"""

import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

INK = "#2b3440"
MUTED = "#66717e"
GRID = "#d3d9e0"

# Paul Tol's "vibrant" scheme: distinguishable with every kind of colour blindness, on white and on black.
PALETTE = ("#0077bb", "#ee7733", "#009988", "#cc3311", "#aa4499", "#33bbee", "#997700")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
ACCENT = PALETTE[0]

MAX_LABEL = 30

_STYLE: dict[Any, Any] = {
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.labelsize": 9.5,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.unicode_minus": True,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "text.color": INK,
    # A label or a file name may hold dollar signs; they are not mathematics.
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.color": MUTED,
    "ytick.labelsize": 8.5,
}


def draw(name: str, painter: Callable[[Figure], None], *, width: float = 7.2, height: float = 3.3) -> bytes:
    """Let `painter` fill a figure and return it as SVG; the same content gives the same bytes.

    Parameters
    ----------
    name : str
        The figure's name; it seeds the ids inside the SVG.
    painter : callable
        Adds axes to the figure it is given. No global state of matplotlib's is touched.
    width, height : float
        Inches at 72 px.
    """
    sink = io.BytesIO()
    with rc_context(_STYLE | {"svg.hashsalt": name}), warnings.catch_warnings():
        # The text stays text, so a sign that the measuring font lacks is drawn by the reader's own fonts.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        figure = Figure(figsize=(width, height), layout="constrained")
        painter(figure)
        titles = {axes.get_title(loc="left") for axes in figure.axes} - {""}
        for text in figure.findobj(lambda part: isinstance(part, Text) and part.get_text() in titles):
            text.set(wrap=True)  # one that is wider than the figure goes on in a second line
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    return sink.getvalue()


def series_style(position: int) -> tuple[str, str]:
    """Return colour and marker of the series at that position; they repeat after seven."""
    return PALETTE[position % len(PALETTE)], MARKERS[position % len(MARKERS)]


def short(label: str, *, longest: int = MAX_LABEL) -> str:
    """Return a label fit for an axis: no control characters, the middle of a long one left out."""
    clean = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in label)
    if len(clean) <= longest:
        return clean
    half = (longest - 1) // 2
    return f"{clean[:half]}…{clean[-half:]}"


def horizontal_bars(axes: Axes, names: Sequence[str], values: Sequence[float], colors: Sequence[str]) -> None:
    """Draw bars from top to bottom, each with its count at the end, in no need of a grid."""
    places = np.arange(len(names))
    axes.barh(places, values, color=list(colors), height=0.66)
    for place, value in zip(places, values, strict=True):
        axes.annotate(f"{value:,.0f}", (value, place), xytext=(5, 0), textcoords="offset points", va="center", size=8.5)
    axes.set_yticks(places, [short(name) for name in names])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0, max(1.0, *values) * 1.12)
    whole_ticks(axes, "x")
    thousands(axes, "x")


def whole_ticks(axes: Axes, which: Literal["x", "y"]) -> None:
    """Put the ticks of an axis at whole numbers, six at most."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def thousands(axes: Axes, which: Literal["x", "y"]) -> None:
    """Write the ticks of axis ``"x"`` or ``"y"`` as whole numbers with thousands separators."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(lambda value, _position: f"{value:,.0f}")


def log_axis(axes: Axes, which: Literal["x", "y"], spelled: Callable[[float], str]) -> None:
    """Make axis ``"x"`` or ``"y"`` logarithmic, its ticks written by `spelled` (powers would need mathematics).

    Ticks stand at 1, 2 and 5 of each decade where the data span fewer than three, otherwise at the decades.
    """
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    low, high = sorted(axis.get_view_interval())
    few = low > 0 and high / low < 1e3
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    axis.set_major_formatter(lambda value, _position: spelled(value))
    axis.set_minor_formatter(NullFormatter())
