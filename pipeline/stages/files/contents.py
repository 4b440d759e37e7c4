"""Contents of the corpus read once more, after the walk has judged them: by path and MD5, decoded in isolation.

A file that was decoded once may crash or hang its decoder the next time, on another machine or with another version;
so it is never decoded in the worker's own process.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipeline.config.recipe import WalkSettings
from pipeline.corpus.containers import is_container, member_content, read_container
from pipeline.corpus.names import split_page
from pipeline.corpus.source import Corpus
from pipeline.errors import UnreadableFileError
from pipeline.imaging.canonical import GRAY_BITS
from pipeline.imaging.formats.pdf import page_picture
from pipeline.imaging.gray_file import decode_gray, decode_gray_and_bits, decode_gray_and_colours
from pipeline.imaging.isolation.decoding import Limits, run_isolated
from pipeline.imaging.matching.same_picture import Copy
from pipeline.stages.files.ledger import Source, bytes_md5


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a corpus, within the limits of the walk."""

    corpus: Corpus
    settings: WalkSettings

    def read(self, source: Source) -> bytes:
        """The bytes of a content.

        Raises
        ------
        ImageError
            The file is gone, cannot be read, or its content is another than when it was walked.
        """
        data = read_content(self.corpus, source.path, self.settings)
        if bytes_md5(data) != source.md5:
            raise UnreadableFileError("has changed since it was walked")
        return data

    def gray(self, source: Source) -> NDArray[np.uint8]:
        """The canonical 8-bit gray picture of a content.

        Raises
        ------
        ImageError
            It cannot be read, or not be decoded within the limits.
        """
        return self.decode(self.read(source))

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """The canonical 8-bit gray picture of bytes that `read` gave."""
        decode = partial(decode_gray, max_pixels=self.settings.max_pixels)
        return run_isolated(decode, data, limits=walk_limits(self.settings))

    def copy(self, data: bytes) -> Copy:
        """What a comparison of pictures needs of bytes that `read` gave."""
        decode = partial(decode_gray_and_bits, max_pixels=self.settings.max_pixels)
        gray, bits = run_isolated(decode, data, limits=walk_limits(self.settings))
        return Copy(data, gray, deep=bits > GRAY_BITS)

    def decode_with_colours(self, data: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """`decode`, and the coloured print on the picture where there is some."""
        decode = partial(decode_gray_and_colours, max_pixels=self.settings.max_pixels)
        return run_isolated(decode, data, limits=walk_limits(self.settings))


def read_content(corpus: Corpus, path: str, settings: WalkSettings) -> bytes:
    """The bytes at a path of the ledger: of a file, or of the picture on a page of a document.

    Raises
    ------
    ImageError
        The file cannot be read, or there is no such picture in it.
    """
    place, page = split_page(path)
    data = corpus.read(place, max_bytes=settings.max_bytes)
    if not page:
        return data
    if is_container(place):
        arrays = read_container(data, max_bytes=settings.decode_memory_bytes)
        if page > len(next(iter(arrays.values()))):
            raise UnreadableFileError(f"{place} has no row {page} any more")
        return member_content(arrays, place, page - 1)
    extract = partial(page_picture, page=page, max_pixels=settings.max_pixels)
    return run_isolated(extract, data, limits=walk_limits(settings))


def walk_limits(settings: WalkSettings) -> Limits:
    """What decoding one file may cost."""
    return Limits(settings.decode_seconds, settings.decode_memory_bytes)
