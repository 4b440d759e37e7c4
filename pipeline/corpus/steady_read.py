"""Reading a file that somebody may be writing to: either one state of it, or an error."""

import os
from dataclasses import replace

from pipeline.corpus.listing import FileEntry
from pipeline.corpus.names import unescape_path
from pipeline.corpus.source import Corpus
from pipeline.errors import UnreadableFileError


def read_steadily(corpus: Corpus, entry: FileEntry) -> tuple[FileEntry, bytes]:
    """The bytes of a file, and its entry as it was when they were read.

    A local file whose size or time differs before and after the reading is read once more. Objects in a bucket are
    replaced as a whole and need no second look: one that was replaced since the listing keeps its listed entry, and the
    next listing shows that it has changed.

    Raises
    ------
    UnreadableFileError
        It cannot be read, or has changed during both readings.
    """
    if not corpus.is_local:
        return entry, corpus.read(entry.path)
    for _ in range(2):
        before = _look_at(corpus, entry)
        data = corpus.read(entry.path)
        if _look_at(corpus, entry) == before and len(data) == before.size_bytes:
            return before, data
    raise UnreadableFileError("changes while it is read: somebody writes to it; it is read again by the next run")


def _look_at(corpus: Corpus, entry: FileEntry) -> FileEntry:
    try:
        status = os.stat(os.path.join(corpus.url, unescape_path(entry.path)))
    except OSError as error:
        raise UnreadableFileError(f"cannot be read: {error.strerror or error}") from error
    return replace(entry, size_bytes=status.st_size, modified_ns=status.st_mtime_ns)
