"""The files of a label set with their labels: from a folder with a folder per class, or from a CSV file.

What a CSV calls a file is looked for beside the CSV, and then in the corpus: people write down either.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import zarr

from pipeline.config import CorpusSettings
from pipeline.corpus.csv_text import read_csv
from pipeline.corpus.listing import FileEntry, positions, texts
from pipeline.corpus.names import escape_path
from pipeline.corpus.source import Corpus
from pipeline.errors import ImageError, UsageError
from pipeline.index.arrays import whole_number
from pipeline.index.tables import read_table, read_texts
from pipeline.json_values import JsonObject
from pipeline.records import PICTURES
from pipeline.stages.files.ledger import FILES, hex_md5
from pipeline.stages.files.tables import LEDGER

_FILE_COLUMNS: Final = ("file", "path", "filename", "image", "name")
_LABEL_COLUMNS: Final = ("label", "category", "class")
_HASH_COLUMNS: Final = ("md5",)
_NETWORK_COLUMNS: Final = ("predicted_by",)
_MAX_CSV_BYTES: Final = 1 << 30
_FEW: Final = 0.2  # of a set's files; fewer matches than that are said
# People link pictures into the folders of their classes.
_SETTINGS: Final = CorpusSettings(follow_links=True)


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """A file of a label set. ``md5`` is given where a CSV names contents; ``occurrence`` tells equal rows apart.

    ``predicted_by`` is the network that gave the label, empty where a person did.
    """

    entry: FileEntry
    label: str
    md5: str = ""
    occurrence: int = 0
    predicted_by: str = ""


class Walked:
    """The files that the walk has found in the corpus."""

    def __init__(self, root: zarr.Group) -> None:
        self._root = root
        self._paths: pa.LargeStringArray | None = None

    @property
    def paths(self) -> pa.LargeStringArray:
        """Their paths, as the ledger has them."""
        if self._paths is None:
            self._paths = read_texts(self._root, FILES, "path")
        return self._paths

    def md5s(self, names: Sequence[str]) -> dict[str, str]:
        """The MD5s, hexadecimal, of those among the names that are paths of present images."""
        rows = positions(texts(names), self.paths)
        files = read_table(self._root, FILES, "md5", "status") or LEDGER.empty()
        found = np.flatnonzero(rows >= 0)
        found = found[np.isin(files["status"][rows[found]].astype(str), PICTURES)]
        return dict(zip([names[i] for i in found.tolist()], hex_md5(files["md5"][rows[found]]), strict=True))


def list_label_set(place: str, walked: Walked) -> tuple[Corpus, list[LabelledFile]]:
    """The files of a label set with their labels, sorted by path and label.

    Raises
    ------
    UsageError
        There is nothing at ``place``, no label can be had from it, or a CSV is damaged or lacks its columns.
    """
    if place.endswith(".csv"):
        return _list_csv(place, walked)
    corpus = Corpus(place, _SETTINGS)
    corpus.check()
    files = [LabelledFile(e, e.path.rpartition("/")[0]) for e in corpus.listing().files if "/" in e.path]
    if not files:
        raise UsageError(f"The label set {place} has no folder per class with files in it.")
    return corpus, files


def few_matches(name: str, place: str, counts: JsonObject, listed: Sequence[LabelledFile], walked: Walked) -> str:
    """A warning with an example of each side where hardly a file of the set is a picture; empty otherwise."""
    matched = whole_number(counts, "matched")
    wanted = matched + whole_number(counts, "unmatched")
    if matched > _FEW * wanted:
        return ""
    found = f"only {matched:,} of {wanted:,} files" if matched else "nothing"
    ours = next((file.entry.path or file.md5 for file in listed), "")
    theirs = walked.paths[0].as_py() if len(walked.paths) else ""
    return (
        f"labels: {found} of the set {name} ({place}) is a picture of the corpus. The set has {ours!r}, the corpus "
        f"{theirs!r}; check that they are the same pictures, and that a CSV's names are paths from the CSV's folder or "
        "from the corpus."
    )


def _list_csv(place: str, walked: Walked) -> tuple[Corpus, list[LabelledFile]]:
    folder, _, name = place.rpartition("/")
    corpus = Corpus(folder or ".", _SETTINGS)
    corpus.check()
    try:
        text = corpus.read(name, max_bytes=_MAX_CSV_BYTES).decode("utf-8-sig")
    except (ImageError, UnicodeDecodeError) as error:
        raise UsageError(f"The label set {place} cannot be read: {error}.") from error
    columns, numbered = read_csv(text, f"The label set {place}")
    rows = [row for _, row in numbered]
    label_column = _column(columns, _LABEL_COLUMNS)
    file_column, hash_column = _column(columns, _FILE_COLUMNS), _column(columns, _HASH_COLUMNS)
    if not rows or not label_column or not (file_column or hash_column):
        raise UsageError(
            f"The label set {place} needs a column named {' or '.join(_LABEL_COLUMNS)} and one named "
            f"{' or '.join(_FILE_COLUMNS + _HASH_COLUMNS)}; it has {', '.join(columns) if rows else 'no rows'}."
        )
    network_column = _column(columns, _NETWORK_COLUMNS)
    files = [
        LabelledFile(
            _entry(corpus, row[file_column] if file_column else ""),
            row[label_column],
            row[hash_column].lower() if hash_column else "",
            predicted_by=row[network_column] if network_column else "",
        )
        for row in rows
        if row[label_column]
    ]
    if len(sources := sorted({file.predicted_by for file in files})) > 1:
        named = ", ".join(one or "people" for one in sources)
        raise UsageError(
            f"The label set {place} mixes labels from several sources ({named}, by its column {network_column}). "
            "Give each a label set of its own."
        )
    listed = sorted(_in_corpus(files, corpus, walked), key=lambda f: (f.entry.path, f.label, f.md5))
    return corpus, _numbered(listed)


def _in_corpus(files: Sequence[LabelledFile], beside: Corpus, walked: Walked) -> list[LabelledFile]:
    """The files; one that does not stand beside the CSV, but in the corpus, with the MD5 that it has there."""
    absent = {file.entry.path for file in files if file.entry.modified_ns < 0 and file.entry.path and not file.md5}
    escaped = {path: escape_path(path.removeprefix("./")) for path in absent}
    known = walked.md5s(sorted({*escaped.values(), *absent})) if absent else {}  # the latter: pages of documents
    return [
        replace(file, md5=known.get(escaped[file.entry.path]) or known.get(file.entry.path, ""))
        if file.entry.path in escaped and not file.md5
        else file
        for file in files
    ]


def _numbered(files: Sequence[LabelledFile]) -> list[LabelledFile]:
    """The same files; equal ones count as occurrences 0, 1, 2, ..."""
    seen: Counter[LabelledFile] = Counter()
    numbered = []
    for file in files:
        numbered.append(replace(file, occurrence=seen[file]))
        seen[file] += 1
    return numbered


def _column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    return next((column for name in names for column in columns if column.lower() == name), None)


def _entry(corpus: Corpus, path: str) -> FileEntry:
    if not path or not corpus.is_local:
        return FileEntry(path, 0, -1)
    try:
        status = os.stat(os.path.join(corpus.url, path))
    except (OSError, ValueError):
        return FileEntry(path, 0, -1)
    return FileEntry(path, status.st_size, status.st_mtime_ns)
