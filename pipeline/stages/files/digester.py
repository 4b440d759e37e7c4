"""Reading a file, and judging what it is: one digest a file, and one for each page of a document."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pipeline.corpus.listing import FileEntry
from pipeline.corpus.names import page_path
from pipeline.corpus.source import Corpus
from pipeline.corpus.steady_read import read_steadily
from pipeline.errors import ImageError, ImageTooLargeError
from pipeline.imaging.formats.pdf import count_pages
from pipeline.imaging.formats.sniff import sniff_format
from pipeline.imaging.isolation.decoding import Limits, run_isolated, run_isolated_batch
from pipeline.imaging.summary import PictureSummary
from pipeline.stages.files.digests import Digest
from pipeline.stages.files.known_contents import IMAGE, NO_MD5, KnownContents, Verdict
from pipeline.stages.files.ledger import bytes_md5

_SNIFFED_BYTES: Final = 4096
_MAX_PAGES: Final = 1000
_DOCUMENT_SHARE: Final = 10.0  # all pages of a document together may take so many times the limit of a file


# So many files go to the decoding process at once, and no more bytes (but one file always): each handing over costs
# two switches of process, which last long where the cores are busy.
_BATCH_FILES: Final = 16
_BATCH_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class _Content:
    """A file that has been read."""

    entry: FileEntry
    kind: str
    md5: bytes
    data: bytes


def _is_enough(waiting: Sequence[Digest | _Content]) -> bool:
    held = sum(len(content.data) for content in waiting if isinstance(content, _Content))
    return len(waiting) >= _BATCH_FILES or held >= _BATCH_BYTES


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

    def digest(self, entries: Iterable[FileEntry], known: KnownContents) -> Iterator[Digest]:
        """Digest files, in their order; whatever is wrong with one becomes its status and reason.

        A content that is known, from the index or from an earlier file, is read and not decoded; new ones are decoded
        some at a time. A PDF of several pages is a ``document``, followed by a digest for each of them.
        """
        judged: dict[bytes, Verdict] = {}  # no longer than that: another block's result may never arrive
        waiting: list[Digest | _Content] = []
        for entry in entries:
            content = self._read(entry)
            pages = self._count_pages(content, known, judged) if isinstance(content, _Content) else 1
            waiting.append(content)
            if pages > 1 and isinstance(content, _Content):
                waiting[-1] = Digest(content.entry, content.kind, content.md5, "document", _of_pages(pages), None)
            if pages > 1 or _is_enough(waiting):
                yield from self._settle(waiting, known, judged)
                waiting = []
            if pages > 1 and isinstance(content, _Content):
                yield from self._pages(content, pages, known, judged)
        yield from self._settle(waiting, known, judged)

    def _read(self, entry: FileEntry) -> "Digest | _Content":
        try:
            if entry.size_bytes > self.max_bytes:
                raise ImageTooLargeError(f"{entry.size_bytes} bytes; the limit is {self.max_bytes}")
            entry, data = read_steadily(self.corpus, entry)
        except ImageError as error:
            return Digest(entry, "", NO_MD5, error.status, str(error), None)
        return _Content(entry, sniff_format(data[:_SNIFFED_BYTES]) or "", bytes_md5(data), data)

    def _settle(
        self, waiting: Sequence["Digest | _Content"], known: KnownContents, judged: dict[bytes, Verdict]
    ) -> Iterator[Digest]:
        """Decode what is new among the contents, and give the digests of all."""
        contents = [content for content in waiting if isinstance(content, _Content)]
        new = {c.md5: c.data for c in contents if c.md5 not in judged and known.verdict(c.md5) is None}
        pictures: dict[bytes, PictureSummary] = {}
        found = run_isolated_batch(self.summarise, list(new.values()), limits=self.limits)
        for md5, result in zip(new, found, strict=True):
            if isinstance(result, PictureSummary):
                pictures[md5], judged[md5] = result, IMAGE
            elif isinstance(result, ImageError):
                judged[md5] = Verdict(result.status, str(result))
            else:
                raise result
        for content in waiting:
            if isinstance(content, Digest):
                yield content
                continue
            verdict = judged.get(content.md5) or known.verdict(content.md5)
            assert verdict is not None
            picture = pictures.pop(content.md5, None)
            yield Digest(content.entry, content.kind, content.md5, verdict.status, verdict.reason, picture)

    def _count_pages(self, content: "_Content", known: KnownContents, judged: dict[bytes, Verdict]) -> int:
        """Pages of a new PDF; 1 for other files, and for one that cannot be opened, which its decoder says better."""
        if content.kind != "pdf" or content.md5 in judged or known.verdict(content.md5) is not None:
            return 1
        try:
            return run_isolated(count_pages, content.data, limits=self.limits)
        except ImageError:
            return 1

    def _pages(
        self, document: "_Content", pages: int, known: KnownContents, judged: dict[bytes, Verdict]
    ) -> Iterator[Digest]:
        deadline = time.monotonic() + _DOCUMENT_SHARE * self.limits.seconds
        for page in range(1, min(pages, _MAX_PAGES) + 1):
            place = replace(document.entry, path=page_path(document.entry.path, page), size_bytes=0)
            try:
                if time.monotonic() > deadline:
                    raise ImageTooLargeError("the pages of the document before this one took too long")
                data = run_isolated(partial(self.extract, page=page), document.data, limits=self.limits)
            except ImageError as error:
                yield Digest(place, "pdf", NO_MD5, error.status, str(error), None)
                continue
            kind = "jpeg" if sniff_format(data[:_SNIFFED_BYTES]) == "jpeg" else "pdf"
            picture = _Content(replace(place, size_bytes=len(data)), kind, bytes_md5(data), data)
            yield from self._settle([picture], known, judged)


def _of_pages(pages: int) -> str:
    if pages > _MAX_PAGES:
        return f"{pages:,} pages, of which the first {_MAX_PAGES:,} have rows of their own"
    return f"{pages:,} pages, each with a row of its own"
