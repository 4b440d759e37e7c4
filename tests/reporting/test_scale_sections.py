"""The calibration: lengths that bars state, and bars against metadata."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.reporting.figures_scales import bar_against_metadata, scale_agreement
from pipeline.reporting.scale_sections import agreement_table, value_table


def _tables() -> dict[str, pa.Table]:
    """Two that agree (by 0.2% and 2%), one that differs by ten, one without metadata, an uncertain one, one empty."""
    columns = {
        "image": list(range(6)),
        "status": ["agrees", "confirmed", "disagrees", "read", "uncertain", "no_bar"],
        "scale_nm": [200.0, 1000.0, 500.0, 200.0, 10.0, None],
        "bar_length_px": [100.0, 100.0, 100.0, 50.0, 100.0, None],
        "metadata_nm_per_px": [1.996, 10.2, 50.0, None, 7.0, None],
        "nm_per_px": [1.996, 10.2, None, 4.0, None, None],
    }
    return {"scales": pa.table(columns)}


def test_only_sure_bars_are_compared() -> None:
    found = bar_against_metadata(_tables())
    assert found is not None
    assert found[0].tolist() == [2.0, 10.0, 5.0]
    assert found[1].tolist() == [1.996, 10.2, 50.0]


def test_the_table_counts_by_hand() -> None:
    table = agreement_table(_tables())
    assert table is not None
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["within 0.5%"] == ("1", "33.3%")
    assert rows["within 3.0%"] == ("2", "66.7%")
    assert rows["farther than 3.0%"] == ("1", "33.3%")
    assert rows["largest that agrees"][1] == "1.96%"
    assert "3 pictures" in table.caption


def test_lengths_are_counted_where_there_is_a_value() -> None:
    table = value_table(_tables())
    assert table is not None
    assert table.rows == [("200 nm", "2", "66.7%"), ("1 µm", "1", "33.3%")]


def test_the_figure_is_the_same_every_time_and_bounded() -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    size = 10 ** rng.uniform(0, 3, n)
    columns = {
        "image": np.arange(n),
        "status": ["agrees"] * n,
        "scale_nm": size * 100,
        "bar_length_px": np.full(n, 100.0),
        "metadata_nm_per_px": size * (1 + rng.normal(0, 0.005, n)),
    }
    first, second = (scale_agreement({"scales": pa.table(columns)}) for _ in range(2))
    assert first is not None
    assert first == second
    assert len(first) < 1_500_000


@pytest.mark.parametrize("tables", [{}, {"scales": pa.table({"status": pa.array([], pa.string())})}])
def test_nothing_to_compare(tables: dict[str, pa.Table]) -> None:
    assert (value_table(tables), agreement_table(tables), scale_agreement(tables)) == (None, None, None)
