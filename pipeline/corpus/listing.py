"""What a corpus holds, as columns: a million files take some hundred megabytes, not gigabytes of objects."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_BLOCK_FILES = 65_536


@dataclass(frozen=True, slots=True, order=True)
class FileEntry:
    """A file of the corpus as its listing shows it.

    Attributes
    ----------
    path : str
        Relative to the corpus' root.
    size_bytes : int
    modified_ns : int
        Nanoseconds since 1970; -1 where the place keeps no time.
    etag : str
        The version's name in a bucket; empty where the place gives none.
    """

    path: str
    size_bytes: int
    modified_ns: int
    etag: str = ""


class Files(Sequence[FileEntry]):
    """Files as columns of one length; an entry is made when it is asked for, a slice stays columns.

    Attributes
    ----------
    path, etag : pyarrow.LargeStringArray
    size_bytes, modified_ns : int64 [n]
    """

    __slots__ = ("etag", "modified_ns", "path", "size_bytes")

    def __init__(
        self,
        path: pa.LargeStringArray,
        size_bytes: NDArray[np.int64],
        modified_ns: NDArray[np.int64],
        etag: pa.LargeStringArray,
    ) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.modified_ns = modified_ns
        self.etag = etag

    def __len__(self) -> int:
        return len(self.size_bytes)

    @overload
    def __getitem__(self, index: int) -> FileEntry: ...

    @overload
    def __getitem__(self, index: slice) -> "Files": ...

    def __getitem__(self, index: int | slice) -> "FileEntry | Files":
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        row = range(len(self))[index]
        size, modified = int(self.size_bytes[row]), int(self.modified_ns[row])
        return FileEntry(self.path[row].as_py(), size, modified, self.etag[row].as_py())

    def __iter__(self) -> Iterator[FileEntry]:
        for start in range(0, len(self), _BLOCK_FILES):
            rows = slice(start, start + _BLOCK_FILES)
            columns = (self.size_bytes[rows].tolist(), self.modified_ns[rows].tolist())
            texts = (self.path[rows].to_pylist(), self.etag[rows].to_pylist())
            for path, size, modified, etag in zip(texts[0], *columns, texts[1], strict=True):
                yield FileEntry(path, size, modified, etag)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Files) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: NDArray[np.integer]) -> "Files":
        """The files at these positions, in this order."""
        return Files(self.path.take(rows), self.size_bytes[rows], self.modified_ns[rows], self.etag.take(rows))


@dataclass(frozen=True, slots=True)
class Listing:
    """Files that were asked for, in the order of the bytes of their paths; what else was met.

    Attributes
    ----------
    files : Files
    unreadable : tuple of (path, reason)
        What could not be listed.
    others : pyarrow.LargeStringArray
        Paths that are there, but were not asked for.
    """

    files: Files
    unreadable: tuple[tuple[str, str], ...] = ()
    others: pa.LargeStringArray = field(default_factory=lambda: texts(()))

    @property
    def present(self) -> pa.LargeStringArray:
        """Paths of all files that are there."""
        return pa.concat_arrays([self.files.path, self.others])


class FilesBuilder:
    """Collects files one by one into columns; at most a block of them are Python objects at a time."""

    def __init__(self) -> None:
        self._pending: list[tuple[str, int, int, str]] = []
        self._blocks: list[Files] = []

    def add(self, path: str, size_bytes: int, modified_ns: int, etag: str = "") -> None:
        """Add a file."""
        self._pending.append((path, size_bytes, modified_ns, etag))
        if len(self._pending) == _BLOCK_FILES:
            self._flush()

    def _flush(self) -> None:
        path, size, modified, etag = zip(*self._pending, strict=True) if self._pending else ((), (), (), ())
        self._blocks.append(Files(texts(path), np.array(size, np.int64), np.array(modified, np.int64), texts(etag)))
        self._pending = []

    def files(self) -> Files:
        """All that were added, in the order of the bytes of their paths."""
        self._flush()
        blocks, self._blocks = self._blocks, []
        together = Files(
            pa.concat_arrays([block.path for block in blocks]),
            np.concatenate([block.size_bytes for block in blocks]),
            np.concatenate([block.modified_ns for block in blocks]),
            pa.concat_arrays([block.etag for block in blocks]),
        )
        return together.take(pc.sort_indices(together.path).to_numpy())


def texts(values: Sequence[str]) -> pa.LargeStringArray:
    """Texts as a column."""
    return pa.array(values, pa.large_string())


def positions(wanted: pa.LargeStringArray, among: pa.LargeStringArray) -> NDArray[np.int64]:
    """Where each text of ``wanted`` first stands in ``among``; -1 where it does not."""
    found: NDArray[np.int64] = pc.index_in(wanted, value_set=among).fill_null(-1).to_numpy().astype(np.int64)
    return found
