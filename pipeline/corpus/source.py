"""The corpus: listing and reading its files, never writing.

Paths are relative to the corpus' root, with ``/``, and text whatever their bytes are (see `names`).
"""

import hashlib
import heapq
import itertools
import os
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
from fsspec import AbstractFileSystem

from pipeline.config import CorpusSettings
from pipeline.corpus.folder_walk import FolderWalk, is_inside
from pipeline.corpus.globs import matches
from pipeline.corpus.listing import Files, FilesBuilder, Listing
from pipeline.corpus.names import escape_path, unescape_path
from pipeline.errors import CorpusNotFoundError, ImageTooLargeError, UnreadableFileError, UsageError
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location, open_filesystem

_Listed = tuple[str, int, int, str]  # path, size, time, etag
_Page = list[tuple[str, Mapping[str, Any]]]

_EVERYTHING: Final = ("**",)
_TIMES: Final = ("LastModified", "last_modified", "mtime", "updated", "created")  # as file systems name it


class FileGrowsError(UnreadableFileError):
    """Somebody writes to the file while it is read."""


class Corpus:
    """A folder or bucket prefix of files, opened read-only.

    Parameters
    ----------
    url : str
        Local path or any fsspec URL (``s3://``, ``memory://``).
    settings : CorpusSettings
        Which files to take.

    Raises
    ------
    UsageError
        ``url`` is empty.
    """

    def __init__(self, url: str, settings: CorpusSettings | None = None) -> None:
        if not url.strip():
            raise UsageError("The corpus has no name; give a folder or a URL.")
        self.settings = settings or CorpusSettings()
        scheme = url.partition("://")[0].lower() if "://" in url else ""
        self.is_local = scheme in ("", "file")
        if self.is_local:
            self.url = os.path.abspath(os.path.expanduser(url.removeprefix("file://")))
        else:
            self.url = f"{scheme}://{url.partition('://')[2].rstrip('/')}"

    def check(self) -> None:
        """Raise `CorpusNotFoundError` where there is no such folder."""
        if self.is_local:
            if os.path.isfile(self.url):
                raise CorpusNotFoundError(f"{self.url} is a file; a corpus is a folder of images.")
            if not os.path.isdir(self.url):
                raise CorpusNotFoundError(
                    f"There is no folder {self.url}. Check the path, and that the share is mounted."
                )
            return
        with storage_failures("looking at the corpus", self.url):
            filesystem = self._filesystem()
            if not filesystem.exists(self.url):
                raise CorpusNotFoundError(
                    f"There is nothing at {self.url}. Check the bucket, the prefix and the credentials."
                )
            if filesystem.isfile(self.url):
                raise CorpusNotFoundError(f"{self.url} is a file; a corpus is a folder of images.")

    def contains(self, location: Location) -> bool:
        """Whether something written at ``location`` would be written into the corpus, also through links."""
        if self.is_local and location.is_local:
            root = os.path.realpath(self.url)
            return os.path.commonpath([root, os.path.realpath(location.url)]) == root
        return f"{location.url}/".startswith(f"{self.url}/")

    def listing(self) -> Listing:
        """All files that the settings select, sorted by the bytes of their paths.

        Raises
        ------
        StorageError
            A bucket cannot be listed; of a local folder the rest is listed, and what failed is in ``unreadable``.
        """
        taken, others = FilesBuilder(), FilesBuilder()
        unreadable: list[tuple[str, str]] = []
        left_out: list[tuple[str, str]] = []
        with storage_failures("listing the corpus", self.url):
            for path, size, modified, etag in self._entries(unreadable, left_out):
                (taken if self._selected(path) else others).add(path, size, modified, etag)
        files, rest = self._sampled(taken.files()), others.files().path
        left_out = [(path, reason) for path, reason in sorted(left_out) if not self._excluded(path)]
        return Listing(files[0], tuple(sorted(unreadable)), tuple(left_out), pa.concat_arrays([rest, files[1].path]))

    def count(self, most: int) -> int:
        """How many files the settings select; counting ends at ``most``."""
        with storage_failures("listing the corpus", self.url):
            chosen = (None for path, *_ in self._entries([], []) if self._selected(path))
            found = sum(1 for _ in itertools.islice(chosen, most))
        return min(found, self.settings.sample or found)

    def _sampled(self, files: Files) -> tuple[Files, Files]:
        """The files of the sample, and those that are left out of it; each in the order of their paths."""
        sample = self.settings.sample
        rows = np.arange(len(files))
        if not sample or sample >= len(files):
            return files, files.take(rows[:0])
        hashes = ((hashlib.md5(e.path.encode(), usedforsecurity=False).digest(), n) for n, e in enumerate(files))
        chosen = np.sort([n for _, n in heapq.nsmallest(sample, hashes)])
        return files.take(chosen), files.take(np.delete(rows, chosen))

    def read(self, path: str, *, max_bytes: int) -> bytes:
        """The bytes of the file at a path of the listing; no more are held, however the file has grown since.

        Raises
        ------
        ImageTooLargeError
            It has more than ``max_bytes``.
        UnreadableFileError
            It has vanished, may not be read, is no regular file, grows, or has become a link out of the corpus.
        """
        raw = unescape_path(path)
        try:
            if self.is_local:
                within = None if self.settings.follow_links else self.url
                return _read_regular(os.path.join(self.url, raw), max_bytes, within)
            return _read_object(self._filesystem(), f"{self.url}/{raw}", max_bytes)
        except OSError as error:
            raise UnreadableFileError(f"cannot be read: {error.strerror or error}") from error

    def exists(self, path: str) -> bool:
        """Whether the file is there now."""
        raw = unescape_path(path)
        if self.is_local:
            return os.path.isfile(os.path.join(self.url, raw))
        with storage_failures("looking at the corpus", self.url):
            return bool(self._filesystem().exists(f"{self.url}/{raw}"))

    def _filesystem(self) -> AbstractFileSystem:
        return open_filesystem(self.url)

    def _selected(self, path: str) -> bool:
        if self.settings.include == _EVERYTHING and not self.settings.exclude:
            return True
        taken = any(matches(path, pattern) for pattern in self.settings.include)
        return taken and not self._excluded(path)

    def _excluded(self, path: str) -> bool:
        return any(matches(path, pattern) for pattern in self.settings.exclude)

    def _entries(self, unreadable: list[tuple[str, str]], left_out: list[tuple[str, str]]) -> Iterator[_Listed]:
        """All files as they are met; what cannot be listed and links that are not followed are added on the way."""
        if not self.is_local:
            yield from _remote_entries(self._filesystem(), self.url)
            return
        walk = FolderWalk(self.url, self.settings.follow_links)
        for raw, status in walk.files():
            yield escape_path(raw), status.st_size, status.st_mtime_ns, ""
        unreadable += [(escape_path(raw), reason) for raw, reason in walk.unreadable]
        left_out += [(escape_path(raw), reason) for raw, reason in walk.left_out]


def _remote_entries(filesystem: AbstractFileSystem, url: str) -> Iterator[_Listed]:
    """The objects below a prefix, a page or a folder at a time."""
    top = filesystem._strip_protocol(url).rstrip("/")
    pages = _bucket_pages(filesystem, top) if url.startswith("s3://") else _folder_pages(filesystem, top)
    for page in pages:
        for name, info in page:
            if not name.endswith("/"):  # an object that only marks a folder
                etag = str(info.get("ETag") or info.get("etag") or "").removeprefix("W/").strip('"')
                size = info.get("Size", info.get("size"))
                yield escape_path(name.removeprefix(f"{top}/")), int(size or 0), _modified_ns(info), etag


def _bucket_pages(filesystem: AbstractFileSystem, top: str) -> Iterator[_Page]:
    """Pages of a thousand objects: fsspec's own ``find`` keeps two kilobytes for each object of the bucket."""
    bucket, _, prefix = top.partition("/")
    arguments: dict[str, object] = {"Bucket": bucket, "Prefix": f"{prefix}/" if prefix else ""}
    while True:
        page = filesystem.call_s3("list_objects_v2", **arguments)
        yield [(f"{bucket}/{info['Key']}", info) for info in page.get("Contents", ())]
        if not page.get("IsTruncated"):
            return
        arguments["ContinuationToken"] = page["NextContinuationToken"]


def _folder_pages(filesystem: AbstractFileSystem, top: str) -> Iterator[_Page]:
    # By default fsspec leaves out what cannot be listed, which would look as if it were gone.
    for _, _, files in filesystem.walk(top, detail=True, on_error="raise"):
        yield [(str(info["name"]), info) for info in files.values()]


def _modified_ns(info: Mapping[str, Any]) -> int:
    modified = next((info[name] for name in _TIMES if info.get(name)), None)
    stamp = modified.timestamp() if isinstance(modified, datetime) else modified
    return int(stamp * 1e9) if isinstance(stamp, int | float) else -1


def _read_regular(place: str, max_bytes: int, within: str | None) -> bytes:
    """The bytes of a regular file; anything else is refused rather than waited for (a pipe has no end)."""
    with open(os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as handle:
        status = os.fstat(handle.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFileError("is no regular file")
        # What was opened, and not what stands at its path now: a file may have become a link since it was listed.
        if within is not None and not _is_inside(os.readlink(f"/proc/self/fd/{handle.fileno()}"), within):
            raise UnreadableFileError("is a link out of the corpus, which is not followed")
        _check_bytes(status.st_size, max_bytes)
        data = handle.read(status.st_size + 1)
    if len(data) > status.st_size:
        raise FileGrowsError("grows while it is read: somebody writes to it; it is read again by the next run")
    return data


def _is_inside(real: str, root: str) -> bool:
    return real.startswith(root.rstrip(os.sep) + os.sep) or is_inside(real, root)


def _read_object(filesystem: AbstractFileSystem, url: str, max_bytes: int) -> bytes:
    """The bytes of an object; of a larger one only the beginning is fetched."""
    try:
        data = bytes(filesystem.cat_file(url, start=0, end=max_bytes + 1))
    except OSError:
        if filesystem.size(url) == 0:  # of nothing there is no beginning
            return b""
        raise
    _check_bytes(len(data), max_bytes)
    return data


def _check_bytes(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ImageTooLargeError(f"more than {max_bytes:,} bytes, the limit", limit="max_bytes")
