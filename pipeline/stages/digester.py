"""Reading a file, and judging what it is: one digest a file, and one for each page of a document."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pipeline.errors import ImageError, ImageTooLargeError
from pipeline.imaging.isolation import Limits, run_isolated
from pipeline.imaging.pdf import count_pages
from pipeline.imaging.sniff import sniff_format
from pipeline.imaging.summary import PictureSummary
from pipeline.stages.digests import Digest
from pipeline.stages.known_contents import IMAGE, NO_MD5, KnownContents, Verdict
from pipeline.stages.ledger import bytes_md5
from pipeline.storage.corpus import Corpus
from pipeline.storage.listing import FileEntry
from pipeline.storage.names import page_path
from pipeline.storage.steady_read import read_steadily

_SNIFFED_BYTES: Final = 4096
_MAX_PAGES: Final = 1000
_DOCUMENT_SHARE: Final = 10.0  # all pages of a document together may take so many times the limit of a file


@dataclass(frozen=True, slots=True)
class Digester:
    """Reads, identifies and summarises files.

    Attributes
    ----------
    corpus : Corpus
    max_bytes : int
        Larger files are not read.
    summarise : callable
        Of a file's bytes; runs in a process of its own, within ``limits``, as does the next.
    extract : callable
        Of a document's bytes and ``page``: the bytes of the picture on that page.
    limits : Limits
    """

    corpus: Corpus
    max_bytes: int
    summarise: Callable[[bytes], PictureSummary]
    extract: Callable[..., bytes]
    limits: Limits

    def __call__(self, entry: FileEntry, known: KnownContents, in_block: dict[bytes, Verdict]) -> Iterator[Digest]:
        """Digest a file; whatever is wrong with it becomes its status and reason.

        A content that is known, from the index or from this block, is read and not decoded; one that was new is added
        to ``in_block``. A PDF of several pages is a ``document``, followed by a digest for each of them.
        """
        try:
            if entry.size_bytes > self.max_bytes:
                raise ImageTooLargeError(f"{entry.size_bytes} bytes; the limit is {self.max_bytes}")
            entry, data = read_steadily(self.corpus, entry)
        except ImageError as error:
            yield Digest(entry, "", NO_MD5, error.status, str(error), None)
            return
        kind, md5 = sniff_format(data[:_SNIFFED_BYTES]) or "", bytes_md5(data)
        verdict = in_block.get(md5) or known.verdict(md5)
        pages = self._count_pages(data) if kind == "pdf" and verdict is None else 1
        if pages > 1:
            yield Digest(entry, kind, md5, "document", _of_pages(pages), None)
            yield from self._pages(entry, data, pages, known, in_block)
        else:
            yield self._content(entry, kind, data, known, in_block)

    def _content(
        self, entry: FileEntry, kind: str, data: bytes, known: KnownContents, in_block: dict[bytes, Verdict]
    ) -> Digest:
        md5 = bytes_md5(data)
        verdict = in_block.get(md5) or known.verdict(md5)
        picture = None
        if verdict is None:
            picture, verdict = self._judge(data)
            in_block[md5] = verdict
        return Digest(entry, kind, md5, verdict.status, verdict.reason, picture)

    def _judge(self, data: bytes) -> tuple[PictureSummary | None, Verdict]:
        try:
            return run_isolated(self.summarise, data, limits=self.limits), IMAGE
        except ImageError as error:
            return None, Verdict(error.status, str(error))

    def _count_pages(self, data: bytes) -> int:
        """Pages of a PDF; 1 for one that cannot be opened, which its decoder will say better."""
        try:
            return run_isolated(count_pages, data, limits=self.limits)
        except ImageError:
            return 1

    def _pages(
        self, entry: FileEntry, data: bytes, pages: int, known: KnownContents, in_block: dict[bytes, Verdict]
    ) -> Iterator[Digest]:
        deadline = time.monotonic() + _DOCUMENT_SHARE * self.limits.seconds
        for page in range(1, min(pages, _MAX_PAGES) + 1):
            place = replace(entry, path=page_path(entry.path, page), size_bytes=0)
            try:
                if time.monotonic() > deadline:
                    raise ImageTooLargeError("the pages of the document before this one took too long")
                content = run_isolated(partial(self.extract, page=page), data, limits=self.limits)
            except ImageError as error:
                yield Digest(place, "pdf", NO_MD5, error.status, str(error), None)
                continue
            kind = "jpeg" if sniff_format(content[:_SNIFFED_BYTES]) == "jpeg" else "pdf"
            yield self._content(replace(place, size_bytes=len(content)), kind, content, known, in_block)


def _of_pages(pages: int) -> str:
    if pages > _MAX_PAGES:
        return f"{pages:,} pages, of which the first {_MAX_PAGES:,} have rows of their own"
    return f"{pages:,} pages, each with a row of its own"
