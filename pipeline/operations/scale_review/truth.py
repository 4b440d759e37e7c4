"""Scales against true ones: right, wrong, unread, with 95% intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from pipeline.errors import StageError, UsageError
from pipeline.index.arrays import open_array
from pipeline.index.rows import read_rows
from pipeline.index.store import Index
from pipeline.operations.remembered import stored_recipe
from pipeline.records import SCALE_AGREEMENT
from pipeline.runtime.keys import scale_key
from pipeline.stages.files.ledger import hex_md5, read_files, read_images
from pipeline.stages.selection import done_rows

_PATHS: Final = ("path", "file")
_SIZES: Final = ("nm_per_px", "pixel_size_nm")
_NM_PER_UNIT: Final = {"pm": 1e-3, "nm": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3, "mm": 1e6}
_SHOWN: Final = 20
_Z95: Final = 1.959963984540054

Verdict = Literal["right", "wrong", "unread", "rightly none", "value without bar"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing with a truth file gave.

    Attributes
    ----------
    verdicts : mapping of str to int
        ``right`` (within 3% of the true pixel size), ``wrong``, ``unread`` (there is a true one, and no value),
        ``rightly none``, ``value without bar`` (a value where the truth has none).
    wrong : tuple of (path or MD5, value, truth)
        Every picture that is ``wrong`` or has a ``value without bar``.
    unmatched : int
        Rows of the truth that are about no picture whose scale was read.
    """

    verdicts: Mapping[Verdict, int]
    wrong: tuple[tuple[str, float, float | None], ...]
    unmatched: int

    def rows(self) -> list[tuple[str, str]]:
        """Names and sentences for people."""
        counts = self.verdicts
        readable = counts["right"] + counts["wrong"] + counts["unread"]
        without = counts["rightly none"] + counts["value without bar"]
        found = [("With a true scale", f"{readable:,}")]
        found += [(f"  {name}", _share(counts[name], readable)) for name in ("right", "wrong", "unread")]
        given = counts["right"] + counts["wrong"]
        found.append(("  wrong of those given", _share(counts["wrong"], given)))
        found.append(("Without a true scale", f"{without:,}"))
        found += [(f"  {name}", _share(counts[name], without)) for name in ("rightly none", "value without bar")]
        if self.unmatched:
            found.append(("Rows about copies, or nothing here", f"{self.unmatched:,}"))
        return found

    def wrong_lines(self) -> list[str]:
        """The wrong ones, at most 20."""
        lines = [
            f"{name}: {value:.6g} nm a pixel, " + ("where there is none" if true is None else f"truth {true:.6g}")
            for name, value, true in self.wrong[:_SHOWN]
        ]
        return lines + ([f"and {len(self.wrong) - _SHOWN:,} more"] if len(self.wrong) > _SHOWN else [])


def wilson_interval(successes: int, n: int) -> tuple[float, float]:
    """The 95% interval of a share by Wilson's score; (0, 1) for no trials.

    References
    ----------
    E. B. Wilson, J. Am. Stat. Assoc. 22 (1927), 209. doi:10.1080/01621459.1927.10502953

    Examples
    --------
    >>> [round(end, 4) for end in wilson_interval(0, 3000)]
    [0.0, 0.0013]
    """
    if n == 0:
        return 0.0, 1.0
    share, z2 = successes / n, _Z95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return (0.0 if successes == 0 else middle - half), (1.0 if successes == n else middle + half)


def _share(count: int, n: int) -> str:
    if n == 0:
        return f"{count:,}"
    low, high = wilson_interval(count, n)
    return f"{count:,}   {count / n:.2%}, 95% interval {low:.2%} to {high:.2%}"


def compare_with_truth(index: Index, file: Path) -> Comparison:
    """Compare the scales of an index with a table of true ones.

    Parameters
    ----------
    index : Index
    file : Path
        CSV or Parquet. A row names a picture by ``md5`` or ``path`` (also ``file``; relative to the corpus) and
        states its pixel size: ``nm_per_px`` (also ``pixel_size_nm``), or the bar's length as ``scale_nm`` (or
        ``scale_value`` with ``scale_unit``) with ``bar_length_px``. A row without any says that there is no scale
        to be read.

    Raises
    ------
    UsageError
        The file cannot be read, or lacks the columns.
    StageError
        No scale has been read yet.
    """
    table = _read(file)
    sizes = _true_sizes(table, file)
    values = _values(index)
    names = _names(table, file, index, values)
    verdicts: dict[Verdict, int] = dict.fromkeys(("right", "wrong", "unread", "rightly none", "value without bar"), 0)
    wrong: list[tuple[str, float, float | None]] = []
    judged: set[str] = set()
    unmatched = 0
    for (shown, md5), true in zip(names, sizes, strict=True):
        if md5 is None or md5 not in values:
            unmatched += 1
            continue
        if md5 in judged:
            continue  # another path of a picture that has been judged
        judged.add(md5)
        verdict = _verdict(values[md5], true)
        verdicts[verdict] += 1
        if verdict in ("wrong", "value without bar"):
            wrong.append((shown, values[md5], true))
    return Comparison(verdicts, tuple(wrong), unmatched)


def _verdict(value: float, true: float | None) -> Verdict:
    if true is None:
        return "rightly none" if math.isnan(value) else "value without bar"
    if math.isnan(value):
        return "unread"
    return "right" if abs(value - true) <= SCALE_AGREEMENT * true else "wrong"


def _read(file: Path) -> pa.Table:
    try:
        if file.suffix.lower() == ".parquet":
            return pa.parquet.read_table(file)
        return pa.csv.read_csv(file)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"The truth {file} cannot be read: {str(error).splitlines()[0]}") from error


def _column(table: pa.Table, *names: str) -> list[Any] | None:
    """The first of these columns that the table has."""
    name = next((name for name in names if name in table.column_names), None)
    return None if name is None else table[name].to_pylist()


def _true_sizes(table: pa.Table, file: Path) -> list[float | None]:
    """Pixel sizes in nm; None where there is none to be read."""
    n = table.num_rows
    stated, length = _column(table, *_SIZES), _column(table, "bar_length_px")
    scale = _column(table, "scale_nm") or _scale_nm(table)
    if stated is None and (scale is None or length is None):
        raise UsageError(
            f"The truth {file} has the columns {', '.join(table.column_names)}; expected nm_per_px (or pixel_size_nm), "
            "or scale_nm (or scale_value and scale_unit) with bar_length_px."
        )
    found: list[float | None] = []
    for row in range(n):
        bar = None
        if scale is not None and length is not None:
            bar = _number(scale[row]), _number(length[row])
        size = _number(stated[row]) if stated is not None else None
        found.append(bar[0] / bar[1] if size is None and bar and bar[0] and bar[1] else size)
    return found


def _scale_nm(table: pa.Table) -> list[float | None] | None:
    value, unit = _column(table, "scale_value"), _column(table, "scale_unit")
    if value is None or unit is None:
        return None
    pairs = zip(map(_number, value), unit, strict=True)
    return [None if v is None or str(u) not in _NM_PER_UNIT else v * _NM_PER_UNIT[str(u)] for v, u in pairs]


def _number(value: str | float | None) -> float | None:
    try:
        number = math.nan if value is None else float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _values(index: Index) -> dict[str, float]:
    """Nanometres a pixel of every picture whose scale was looked for, by the MD5 of its file; NaN without a value."""
    root = index.read()
    rows = done_rows(root, "scale", scale_key(stored_recipe(index)))
    if not len(rows):
        raise StageError(f"No scale has been read in {index.url}; run `semcorpus scale {index.url}` first.")
    sizes = read_rows(open_array(root, "scale/nm_per_px", np.float64), rows)
    md5 = hex_md5(read_images(root).md5[rows])
    return dict(zip(md5, sizes.tolist(), strict=True))


def _names(table: pa.Table, file: Path, index: Index, values: Mapping[str, float]) -> Sequence[tuple[str, str | None]]:
    """What to call each row of the truth, and the MD5 of its picture here; None for a picture that is not here."""
    md5, paths = _column(table, "md5"), _column(table, *_PATHS)
    if md5 is None and paths is None:
        raise UsageError(f"The truth {file} names no pictures; expected a column md5, path or file.")
    root = index.read()
    files = read_files(root)
    of_path = dict(zip(files.path.tolist(), hex_md5(files.md5), strict=True)) if md5 is None else {}
    found: list[tuple[str, str | None]] = []
    for row in range(table.num_rows):
        path = str(paths[row]) if paths is not None else ""
        digest = str(md5[row]).lower() if md5 is not None else of_path.get(path)
        found.append((path or str(digest), digest if digest in values else None))
    return found
