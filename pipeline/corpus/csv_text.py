"""CSV between the program, people and their spreadsheets: any usual separator in, cells that are nothing but text out.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, and a terminal takes some
characters for orders. As OWASP recommends, such a cell gets an apostrophe in front. What then stands in it is escaped
like a string of JSON, so that nothing is lost: `plain_text` gives back what `cell_text` was given.

References
----------
OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from pipeline.errors import UsageError

_LONGEST_CELL: Final = 1 << 20
_MARK: Final = "'"
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", _MARK, "\uff1d", "\uff0b", "\uff0d", "\uff20")
_HARMLESS: Final = frozenset("\n")


class _Reader(Protocol):
    """What `csv.reader` gives."""

    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...

    def __iter__(self) -> Iterator[list[str]]: ...


def read_csv(text: str, name: str) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """The columns of a CSV text, and its rows with the numbers of their last lines.

    Separators are commas, or semicolons where the first line has more of these, as a spreadsheet of half the world
    writes them. A row that is short has empty cells.

    Raises
    ------
    UsageError
        Also while rows are read: quotes that are not closed, a row of too many cells, or a cell of more than a MiB.
    """
    first = text.partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    columns = [column.strip() for column in _next(reader, name) or ()]
    return columns, _rows(reader, columns, name)


def _rows(reader: _Reader, columns: Sequence[str], name: str) -> Iterator[tuple[int, dict[str, str]]]:
    while (cells := _next(reader, name)) is not None:
        if not cells:
            continue
        if len(cells) > len(columns):
            raise UsageError(
                f"{name}, line {reader.line_num}: more cells than columns; put quotes around a cell that holds the "
                "separator."
            )
        cells += [""] * (len(columns) - len(cells))
        yield reader.line_num, dict(zip(columns, map(plain_text, cells), strict=True))


def _next(reader: _Reader, name: str) -> list[str] | None:
    before = csv.field_size_limit(_LONGEST_CELL)
    began = reader.line_num + 1
    try:
        return next(reader, None)
    except csv.Error as error:
        raise UsageError(
            f"{name} is no CSV from line {began} on: {error}. Perhaps quotes are opened there and not closed."
        ) from error
    finally:
        csv.field_size_limit(before)


def cell_text(text: str) -> str:
    r"""A text as a cell that neither a spreadsheet nor a terminal obeys.

    Examples
    --------
    >>> cell_text("img_01.tif"), cell_text("=cmd|' /C calc'!A0"), cell_text("a\x1b[2Jb")
    ('img_01.tif', "'=cmd|' /C calc'!A0", "'a\\u001b[2Jb")
    """
    odd = any(not (c.isprintable() or c in _HARMLESS) for c in text)
    if not odd and not text.startswith(_FORMULAS):
        return text
    return _MARK + "".join(_escaped(c) for c in text)


def _escaped(character: str) -> str:
    if character == "\\" or not (character.isprintable() or character in _HARMLESS):
        return json.dumps(character)[1:-1]
    return character


def plain_text(cell: str) -> str:
    r"""What `cell_text` was given; any other cell, also one with an apostrophe of its own, as it is.

    Examples
    --------
    >>> plain_text("'=1+1"), plain_text("'a\\u001bb"), plain_text("'tis"), plain_text("a\\b")
    ('=1+1', 'a\x1bb', "'tis", 'a\\b')
    """
    if not cell.startswith(_MARK):
        return cell
    try:
        text = str(json.loads('"' + cell[1:].replace('"', '\\"').replace("\n", "\\n") + '"', strict=False))
    except ValueError:
        return cell
    return text if cell_text(text) == cell else cell
