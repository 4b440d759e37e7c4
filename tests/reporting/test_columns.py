import numpy as np
import pyarrow as pa

from pipeline.reporting.columns import NO_IMAGE, counts, distinct_in, filled, flags, integers, numbers, texts, where


def test_large_ids_survive_as_integers() -> None:
    large = 2**53 + 1
    table = pa.table({"image": pa.array([large, None], pa.int64())})
    assert integers(table, "image").tolist() == [large, NO_IMAGE]


def test_missing_columns_and_nulls() -> None:
    table = pa.table({"a": pa.array([1.5, None]), "b": pa.array([True, None]), "t": ["x", None]})
    assert np.isnan(numbers(table, "nothing")).all()
    assert np.isnan(numbers(table, "a")).tolist() == [False, True]
    assert flags(table, "b").tolist() == [True, False]
    assert flags(table, "nothing", missing=True).tolist() == [True, True]
    assert texts(table, "t") == ["x", ""]
    assert texts(table, "nothing") == ["", ""]


def test_bytes_become_hexadecimal_and_lists_are_joined() -> None:
    table = pa.table({"md5": [b"\x01\xff"], "paths": [["a", "b"]]})
    assert texts(table, "md5") == ["01ff"]
    assert texts(table, "paths") == ["a, b"]


def test_selecting_and_counting() -> None:
    table = pa.table({"set": ["b", "a", "b"], "n": [1, 2, 3]})
    assert where(table, set="b")["n"].to_pylist() == [1, 3]
    assert where(table, other="b").num_rows == 0
    assert distinct_in(table, "set") == ["b", "a"]
    assert counts(["b", "a", "c", "c"]) == [("c", 2), ("a", 1), ("b", 1)]
    assert filled({"t": table.slice(0, 0)}, "t") is None
