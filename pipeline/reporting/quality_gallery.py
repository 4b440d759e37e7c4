"""The worst pictures by each measure of quality, and how the measures are spread."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.reporting.columns import Tables, integers, numbers, texts
from pipeline.reporting.sections import TableView
from pipeline.reporting.terminal import representatives

MAX_WORST = 12


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of ``images`` that says how good a picture is, in words, and which end of it is bad."""

    column: str
    name: str
    spelled: str
    large_is_bad: bool


MEASURES = (
    Measure("focus", "least sharp", "focus {:.3f}", False),
    Measure("contrast_levels", "least contrast", "{:.0f} gray levels", False),
    Measure("noise_levels", "most noise", "noise of {:.1f} gray levels", True),
    Measure("saturated_share", "most black or white", "{:.1%} of the pixels", True),
    Measure("filled_share", "lower end filled with one value", "{:.1%} of the rows", True),
)


@dataclass(frozen=True, slots=True)
class WorstPictures:
    """The pictures at the bad end of one measure, the worst first, each with its value in words."""

    name: str
    images: list[int]
    values: list[str]


def worst_pictures(tables: Tables) -> list[WorstPictures]:
    """Return up to `MAX_WORST` pictures a measure; of shares only those that have any. Ties go by MD5."""
    pictures = representatives(tables)
    if pictures is None:
        return []
    md5, images = texts(pictures, "md5"), integers(pictures, "image")
    found = []
    for measure in MEASURES:
        values = numbers(pictures, measure.column)
        rows = np.flatnonzero(np.isfinite(values) & ((values > 0) | (not measure.large_is_bad)))
        badness = -values if measure.large_is_bad else values
        worst = sorted(rows.tolist(), key=lambda row: (badness[row], md5[row]))[:MAX_WORST]
        if worst:
            words = [measure.spelled.format(values[row]) for row in worst]
            found.append(WorstPictures(measure.name, images[worst].tolist(), words))
    return found


def spread_table(tables: Tables) -> TableView | None:
    """Return how each measure is spread over the pictures; None where none was taken."""
    pictures = representatives(tables)
    rows = [] if pictures is None else [_spread(pictures, measure) for measure in MEASURES]
    rows = [row for row in rows if row]
    if not rows:
        return None
    headers = ("measure", "pictures", "worst", "worst twentieth from", "median", "best")
    return TableView("Measures of quality", headers, rows, frozenset(range(1, 6)))


def _spread(pictures: pa.Table, measure: Measure) -> tuple[str, ...]:
    values: NDArray[np.float64] = numbers(pictures, measure.column)
    values = values[np.isfinite(values)]
    if not values.size:
        return ()
    quantiles = (1, 0.95, 0.5, 0) if measure.large_is_bad else (0, 0.05, 0.5, 1)
    spelled = [f"{value:.3g}" for value in np.quantile(values, quantiles)]
    return (measure.column.replace("_", " "), f"{values.size:,}", *spelled)
