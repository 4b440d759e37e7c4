"""The corpus: listing and reading its files, never writing.

Paths are relative to the corpus' root, with ``/``. A name whose bytes are not UTF-8 is percent-escaped (and then its
own percent signs too), so that every path is text and still leads back to its file.
"""

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import fsspec

from pipeline.config import CorpusSettings
from pipeline.errors import CorpusNotFoundError, UnreadableFileError, UsageError

_ESCAPED = "%escaped/"


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


def escape_path(raw: str) -> str:
    """A relative path as text: bytes that are not UTF-8 (surrogates in ``raw``) become ``%XX``.

    Examples
    --------
    >>> escape_path("a%b.tif")
    'a%b.tif'
    >>> escape_path(b"caf\\xe9 5%.tif".decode("utf-8", "surrogateescape"))
    '%escaped/caf%E9 5%25.tif'
    """
    try:
        raw.encode("utf-8")
        return raw
    except UnicodeEncodeError:
        parts = (f"%{ord(c) - 0xDC00:02X}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in raw.replace("%", "%25"))
        return _ESCAPED + "".join(parts)


def unescape_path(path: str) -> str:
    """The path as the file system knows it; inverse of `escape_path`."""
    if not path.startswith(_ESCAPED):
        return path
    return unquote_to_bytes(path.removeprefix(_ESCAPED)).decode("utf-8", "surrogateescape")


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
    CorpusNotFoundError
        It does not exist, or is no folder.
    """

    def __init__(self, url: str, settings: CorpusSettings | None = None) -> None:
        self.settings = settings or CorpusSettings()
        scheme = urlsplit(url).scheme if "://" in url else ""
        self.is_local = scheme in ("", "file")
        self.url = (
            os.path.abspath(os.path.expanduser(url.removeprefix("file://"))) if self.is_local else url.rstrip("/")
        )

    def check(self) -> None:
        """Raise `CorpusNotFoundError` where there is no such folder."""
        if self.is_local:
            if os.path.isfile(self.url):
                raise CorpusNotFoundError(f"{self.url} is a file; a corpus is a folder of images.")
            if not os.path.isdir(self.url):
                raise CorpusNotFoundError(
                    f"There is no folder {self.url}. Check the path, and that the share is mounted."
                )
        elif not self._filesystem().exists(self.url):
            raise CorpusNotFoundError(
                f"There is nothing at {self.url}. Check the bucket, the prefix and the credentials."
            )

    def listing(self) -> Listing:
        """All files that the settings select, sorted by the bytes of their paths."""
        unreadable: list[tuple[str, str]] = []
        entries = self._local_entries(unreadable) if self.is_local else self._remote_entries()
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
                with open(os.path.join(self.url, raw), "rb") as handle:
                    return handle.read()
            return bytes(self._filesystem().cat_file(f"{self.url}/{raw}"))
        except OSError as error:
            raise UnreadableFileError(f"cannot be read: {error.strerror or error}") from error

    def exists(self, path: str) -> bool:
        """Whether the file is there now."""
        raw = unescape_path(path)
        if self.is_local:
            return os.path.isfile(os.path.join(self.url, raw))
        return bool(self._filesystem().exists(f"{self.url}/{raw}"))

    def _filesystem(self) -> Any:
        options = {}
        if self.url.startswith("s3://"):
            options = {"endpoint_url": os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")}
        try:
            return fsspec.filesystem(urlsplit(self.url).scheme, **options)
        except (ImportError, ValueError) as error:
            raise UsageError(f"{self.url} cannot be opened: {error}.") from error

    def _selected(self, path: str) -> bool:
        taken = any(_matches(path, pattern) for pattern in self.settings.include)
        return taken and not any(_matches(path, pattern) for pattern in self.settings.exclude)

    def _remote_entries(self) -> Iterator[FileEntry]:
        root = self._filesystem()._strip_protocol(self.url).rstrip("/") + "/"
        for name, info in self._filesystem().find(self.url, detail=True).items():
            modified = info.get("LastModified") or info.get("mtime") or info.get("created")
            stamp = getattr(modified, "timestamp", lambda value=modified: value)()
            yield FileEntry(
                escape_path(name.removeprefix(root)),
                int(info.get("size") or 0),
                int(stamp * 1e9) if isinstance(stamp, int | float) else -1,
            )

    def _local_entries(self, unreadable: list[tuple[str, str]]) -> Iterator[FileEntry]:
        """Walk without recursion; a folder that a symbolic link leads to a second time is not entered again."""
        pending = [("", self.url)]
        seen: set[tuple[int, int]] = set()
        while pending:
            prefix, folder = pending.pop()
            try:
                status = os.stat(folder)
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                with os.scandir(folder) as entries:
                    for entry in sorted(entries, key=lambda e: os.fsencode(e.name)):
                        found = self._visit(prefix, entry, pending, unreadable)
                        if found is not None:
                            yield found
            except OSError as error:
                unreadable.append((escape_path(prefix.rstrip("/")), f"cannot be listed: {error.strerror or error}"))

    def _visit(
        self,
        prefix: str,
        entry: os.DirEntry[str],
        pending: list[tuple[str, str]],
        unreadable: list[tuple[str, str]],
    ) -> FileEntry | None:
        raw = prefix + entry.name
        try:
            status = entry.stat()
        except OSError as error:
            unreadable.append((escape_path(raw), f"cannot be looked at: {error.strerror or error}"))
            return None
        if stat.S_ISDIR(status.st_mode):
            pending.append((raw + "/", entry.path))
            return None
        if not stat.S_ISREG(status.st_mode):
            unreadable.append((escape_path(raw), "is no regular file"))
            return None
        return FileEntry(escape_path(raw), status.st_size, status.st_mtime_ns)


def _matches(path: str, pattern: str) -> bool:
    """Shell-style match of a path; ``**`` and a pattern without a slash match at any depth."""
    if pattern in ("**", "*", "**/*"):
        return True
    name = path.rsplit("/", 1)[-1] if "/" not in pattern else path
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(path, pattern.replace("**/", "*"))
