"""Reading a file, and judging what it is: one digest a file, and one for each page of a document."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pipeline.config.recipe import WalkSettings
from pipeline.corpus.listing import FileEntry
from pipeline.corpus.names import page_path
from pipeline.corpus.source import Corpus
from pipeline.corpus.steady_read import read_steadily
from pipeline.errors import ImageError, ImageTooLargeError, NotJudgedError
from pipeline.imaging.formats.pdf import count_pages
from pipeline.imaging.formats.sniff import sniff_format
from pipeline.imaging.isolation.decoding import decoding_cpu_seconds, run_isolated, run_isolated_batch
from pipeline.imaging.summary import PictureSummary
from pipeline.stages.files.contents import walk_limits
from pipeline.stages.files.digests import Digest
from pipeline.stages.files.known_contents import IMAGE, NO_MD5, KnownContents, Verdict
from pipeline.stages.files.ledger import bytes_md5
from pipeline.stages.files.refusals import refused_by

_SNIFFED_BYTES: Final = 4096
_MAX_PAGES: Final = 1000
_DOCUMENT_SHARE: Final = 10.0  # all pages of a document together may take so many times the processor time of a file


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
    settings : WalkSettings
        The limits.
    summarise : callable
        Of a file's bytes; runs in a process of its own, within the limits, as does the next.
    extract : callable
        Of a document's bytes and ``page``: the bytes of the picture on that page.
    """

    corpus: Corpus
    settings: WalkSettings
    summarise: Callable[[bytes], PictureSummary]
    extract: Callable[..., bytes]

    def digest(self, entries: Iterable[FileEntry], known: KnownContents) -> Iterator[Digest]:
        """Digest files, in their order; whatever is wrong with one becomes its status and reason.

        A content that is known, from the index or from an earlier file, is read and not decoded; new ones are decoded
        some at a time. A PDF of several pages is a ``document``, followed by a digest for each of them.
        """
        judged: dict[bytes, Verdict] = {}  # no longer than that: another block's result may never arrive
        waiting: list[Digest | _Content] = []
        for entry in entries:
            content, pages = self._read(entry), 1
            if isinstance(content, _Content):
                try:
                    pages = self._count_pages(content, known, judged)
                except NotJudgedError as error:
                    content = self._failed(entry, error, content)
            waiting.append(content)
            if pages > 1 and isinstance(content, _Content):
                waiting[-1] = Digest(content.entry, content.kind, content.md5, "document", _of_pages(pages))
            if pages > 1 or _is_enough(waiting):
                yield from self._settle(waiting, known, judged)
                waiting = []
            if pages > 1 and isinstance(content, _Content):
                yield from self._pages(content, pages, known, judged)
        yield from self._settle(waiting, known, judged)

    def _read(self, entry: FileEntry) -> "Digest | _Content":
        most = self.settings.max_bytes
        try:
            if entry.size_bytes > most:
                raise ImageTooLargeError(f"{entry.size_bytes} bytes; the limit is {most}", limit="max_bytes")
            entry, data = read_steadily(self.corpus, entry, max_bytes=most)
        except ImageError as error:
            return self._failed(entry, error)
        return _Content(entry, sniff_format(data[:_SNIFFED_BYTES]) or "", bytes_md5(data), data)

    def _failed(self, entry: FileEntry, error: ImageError, content: _Content | None = None) -> Digest:
        kind, md5 = (content.kind, content.md5) if content else ("", NO_MD5)
        return Digest(entry, kind, md5, error.status, str(error), limit=refused_by(error, self.settings))

    def _settle(
        self, waiting: Sequence["Digest | _Content"], known: KnownContents, judged: dict[bytes, Verdict]
    ) -> Iterator[Digest]:
        """Decode what is new among the contents, and give the digests of all."""
        contents = [content for content in waiting if isinstance(content, _Content)]
        new = {c.md5: c.data for c in contents if c.md5 not in judged and known.verdict(c.md5) is None}
        pictures: dict[bytes, PictureSummary] = {}
        found = run_isolated_batch(self.summarise, list(new.values()), limits=walk_limits(self.settings))
        for md5, result in zip(new, found, strict=True):
            if isinstance(result, PictureSummary):
                pictures[md5], judged[md5] = result, IMAGE
            elif isinstance(result, ImageError):
                judged[md5] = Verdict(result.status, str(result), refused_by(result, self.settings))
            else:
                raise result
        for content in waiting:
            if isinstance(content, Digest):
                yield content
                continue
            verdict = judged.get(content.md5) or known.verdict(content.md5)
            assert verdict is not None
            picture = pictures.pop(content.md5, None)
            of_file = (content.entry, content.kind, content.md5)
            yield Digest(*of_file, verdict.status, verdict.reason, picture, verdict.limit)

    def _count_pages(self, content: "_Content", known: KnownContents, judged: dict[bytes, Verdict]) -> int:
        """Pages of a new PDF; 1 for other files, and for one that cannot be opened, which its decoder says better."""
        if content.kind != "pdf" or content.md5 in judged or known.verdict(content.md5) is not None:
            return 1
        try:
            return run_isolated(count_pages, content.data, limits=walk_limits(self.settings))
        except NotJudgedError:
            raise
        except ImageError:
            return 1

    def _pages(
        self, document: "_Content", pages: int, known: KnownContents, judged: dict[bytes, Verdict]
    ) -> Iterator[Digest]:
        limits = walk_limits(self.settings)
        most = decoding_cpu_seconds() + _DOCUMENT_SHARE * limits.seconds
        for page in range(1, min(pages, _MAX_PAGES) + 1):
            place = replace(document.entry, path=page_path(document.entry.path, page), size_bytes=0)
            try:
                if decoding_cpu_seconds() > most:
                    before = "the pages of the document before this one took too much processor time"
                    raise ImageTooLargeError(before, limit="decode_seconds")
                data = run_isolated(partial(self.extract, page=page), document.data, limits=limits)
            except ImageError as error:
                yield replace(self._failed(place, error), format="pdf")
                continue
            kind = "jpeg" if sniff_format(data[:_SNIFFED_BYTES]) == "jpeg" else "pdf"
            picture = _Content(replace(place, size_bytes=len(data)), kind, bytes_md5(data), data)
            yield from self._settle([picture], known, judged)


def _of_pages(pages: int) -> str:
    if pages > _MAX_PAGES:
        return f"{pages:,} pages, of which the first {_MAX_PAGES:,} have rows of their own"
    return f"{pages:,} pages, each with a row of its own"
