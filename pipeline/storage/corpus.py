"""The corpus: listing and reading its files, never writing.

Paths are relative to the corpus' root, with ``/``, and text whatever their bytes are (see `names`).
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from fsspec import AbstractFileSystem

from pipeline.config import CorpusSettings
from pipeline.errors import CorpusNotFoundError, UnreadableFileError, UsageError
from pipeline.storage.failures import storage_failures
from pipeline.storage.folder_walk import FolderWalk
from pipeline.storage.globs import matches
from pipeline.storage.location import Location, open_filesystem
from pipeline.storage.names import escape_path, unescape_path


@dataclass(frozen=True, slots=True, order=True)
class FileEntry:
    """A file of the corpus as its listing shows it; ``modified_ns`` is -1 where the place keeps no time."""

    path: str
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Files that were asked for, by path; what could not be listed (path and reason); paths that are there besides."""

    files: tuple[FileEntry, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    others: frozenset[str] = frozenset()


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
        scheme = urlsplit(url).scheme if "://" in url else ""
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
        with storage_failures("listing the corpus", self.url):
            entries, unreadable = self._local_entries() if self.is_local else (list(self._remote_entries()), [])
        everything = sorted(entries, key=lambda entry: entry.path.encode())
        chosen = [entry for entry in everything if self._selected(entry.path)]
        if self.settings.sample and self.settings.sample < len(chosen):
            by_hash = sorted(chosen, key=lambda e: hashlib.md5(e.path.encode(), usedforsecurity=False).digest())
            chosen = sorted(by_hash[: self.settings.sample], key=lambda e: e.path.encode())
        others = {entry.path for entry in everything} - {entry.path for entry in chosen}
        return Listing(tuple(chosen), tuple(sorted(unreadable)), frozenset(others))

    def read(self, path: str) -> bytes:
        """The bytes of the file at a path of the listing.

        Raises
        ------
        UnreadableFileError
            It has vanished, may not be read, or is no regular file.
        """
        raw = unescape_path(path)
        try:
            if self.is_local:
                return _read_regular(os.path.join(self.url, raw))
            return bytes(self._filesystem().cat_file(f"{self.url}/{raw}"))
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
        taken = any(matches(path, pattern) for pattern in self.settings.include)
        return taken and not any(matches(path, pattern) for pattern in self.settings.exclude)

    def _local_entries(self) -> tuple[list[FileEntry], list[tuple[str, str]]]:
        walk = FolderWalk(self.url)
        entries = [FileEntry(escape_path(raw), s.st_size, s.st_mtime_ns) for raw, s in walk.files()]
        return entries, [(escape_path(raw), reason) for raw, reason in walk.unreadable]

    def _remote_entries(self) -> Iterator[FileEntry]:
        filesystem = self._filesystem()
        root = filesystem._strip_protocol(self.url).rstrip("/") + "/"
        for name, info in filesystem.find(self.url, detail=True).items():
            if info["type"] == "directory" or name.endswith("/"):  # an object that only marks a folder
                continue
            modified = info.get("LastModified") or info.get("mtime") or info.get("created")
            stamp = modified.timestamp() if hasattr(modified, "timestamp") else modified
            yield FileEntry(
                escape_path(name.removeprefix(root)),
                int(info.get("size") or 0),
                int(stamp * 1e9) if isinstance(stamp, int | float) else -1,
            )


def _read_regular(place: str) -> bytes:
    """The bytes of a regular file; anything else is refused rather than waited for (a pipe has no end)."""
    with open(os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as handle:
        if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
            raise UnreadableFileError("is no regular file")
        return handle.read()
