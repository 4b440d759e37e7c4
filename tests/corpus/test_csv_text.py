"""CSV in: any usual separator, and errors with their line. CSV out: cells that nothing obeys, and that come back."""

import csv
import io

import pytest

from pipeline.corpus.csv_text import cell_text, plain_text, read_csv
from pipeline.errors import UsageError

TEXTS = (
    *("", "plain.tif", "=cmd|' /C calc'!A0", "+1", "-2", "@SUM(1)", "'", "''=", "'tis", "\tx", "\rx", "\uff1d1+1"),
    *("a\x1b[2Jb", "\x9b31m", "a\x00b", "C:\\data", "=C:\\data", "'C:\\u0041", 'say "hi"', '=HYPERLINK("x";"y")'),
    *("two\nlines", "=two\nlines", "\u202efit.exe", "é 日本", "=\U000e0001"),
)


@pytest.mark.parametrize("text", TEXTS)
def test_what_goes_out_comes_back_and_is_no_order(text: str) -> None:
    cell = cell_text(text)
    assert plain_text(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))
    assert all(c.isprintable() or c == "\n" for c in cell)


@pytest.mark.parametrize("separator", [",", ";"])
def test_rows_are_read_with_either_separator(separator: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator)
    writer.writerows([["file", " label "], ["a,b;c.tif", cell_text("-3")], ["short"], []])
    columns, rows = read_csv(out.getvalue(), "labels.csv")
    assert columns == ["file", "label"]
    assert list(rows) == [(2, {"file": "a,b;c.tif", "label": "-3"}), (3, {"file": "short", "label": ""})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('file,label\na,b\n"c,d\ne,f\n', "labels.csv is no CSV from line 3 on"),
        (f"file,label\na,{'x' * 2_000_000}\n", "no CSV from line 2 on: field larger than field limit"),
        ("file,label\na,b,c\n", "line 2: more cells than columns"),
    ],
)
def test_what_is_no_csv_says_where(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        list(read_csv(text, "labels.csv")[1])


def test_nothing_has_no_columns() -> None:
    columns, rows = read_csv("", "labels.csv")
    assert (columns, list(rows)) == ([], [])
