"""The tables of the calibration: which lengths the bars state, and how bars and metadata go together."""

import numpy as np

from pipeline.records import SCALE_AGREEMENT
from pipeline.reporting.columns import Tables, filled, numbers
from pipeline.reporting.facts import length
from pipeline.reporting.figures_scales import bar_against_metadata
from pipeline.reporting.sections import MAX_ROWS, TableView


def value_table(tables: Tables) -> TableView | None:
    """Return how many pictures have a bar of which length, the shortest first; None without any."""
    scales = filled(tables, "scales")
    if scales is None:
        return None
    printed, size = numbers(scales, "scale_nm"), numbers(scales, "nm_per_px")
    printed[~np.isfinite(size)] = np.nan
    values, counts = np.unique(printed[np.isfinite(printed)], return_counts=True)
    if not values.size:
        return None
    total = counts.sum()
    rows = [
        (length(float(value)), f"{count:,}", f"{count / total:.1%}")
        for value, count in zip(values, counts.tolist(), strict=True)
    ]
    more = f"{len(rows) - MAX_ROWS:,} more in scales.parquet" if len(rows) > MAX_ROWS else ""
    caption = "Lengths that the bars state, of pictures with a value"
    return TableView(caption, ("length", "pictures", "share"), rows[:MAX_ROWS], frozenset({1, 2}), more)


def agreement_table(tables: Tables) -> TableView | None:
    """Return how far the bars are from the metadata; None where no picture has both."""
    found = bar_against_metadata(tables)
    if found is None:
        return None
    bar, stated = found
    off = np.abs(bar / stated - 1)
    n = off.size
    limits = (0.005, 0.01, SCALE_AGREEMENT)
    rows = [
        (f"within {limit:.1%}", f"{int(np.sum(off <= limit)):,}", f"{np.mean(off <= limit):.1%}") for limit in limits
    ]
    rows.append(
        (
            f"farther than {SCALE_AGREEMENT:.1%}",
            f"{int(np.sum(off > limits[-1])):,}",
            f"{np.mean(off > limits[-1]):.1%}",
        )
    )
    rows.append(("median difference", "", f"{float(np.median(bar / stated - 1)):+.2%}"))
    rows.append(("largest that agrees", "", f"{float(off[off <= limits[-1]].max(initial=0.0)):.2%}"))
    caption = f"Bar against metadata, in the {n:,} pictures that have both"
    return TableView(caption, ("difference", "pictures", "share"), rows, frozenset({1, 2}))
