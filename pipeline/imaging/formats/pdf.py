"""PDF: the pictures that its pages show."""

import math
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from pypdfium2 import raw as pdfium

from pipeline.errors import CorruptImageError, ImageTooLargeError, UnsupportedImageError
from pipeline.imaging.formats.jpeg import decode_jpeg
from pipeline.imaging.formats.limits import BYTES_PER_ALLOWED_PIXEL, check_size
from pipeline.imaging.formats.plain_tiff import plain_tiff
from pipeline.records import DecodedImage

_MAX_PAGES: Final = 10_000
_MAX_FORM_DEPTH: Final = 5
_INFLATE_STEP_BYTES: Final = 1 << 20
_END_MARK_BYTES: Final = 2048
_LOCK: Final = threading.Lock()  # PDFium is not thread-safe


def count_pages(data: bytes) -> int:
    """Pages of a PDF file.

    Raises
    ------
    CorruptImageError
        It cannot be opened.
    """
    with _opened(data) as document:
        return len(document)


def page_picture(data: bytes, *, page: int, max_pixels: int) -> bytes:
    """The picture of one page of a PDF file, as a file of its own.

    Parameters
    ----------
    data : bytes
        The PDF file.
    page : int
        From 1.
    max_pixels : int
        Largest ``width * height`` that is decoded.

    Returns
    -------
    bytes
        Of the page's largest picture that is not of one value throughout (of equal ones the first): an embedded JPEG
        byte for byte, so that it has the MD5 of the JPG file that the page was made from; any other picture as an
        uncompressed TIFF of the bitmap that PDFium makes of it (8 bits a channel). Masks and the page's rotation are
        not applied.

    Raises
    ------
    UnsupportedImageError
        The page has no picture, or one of a kind that is not read.
    CorruptImageError, ImageTooLargeError
    """
    with _opened(data) as document:
        picture = _largest_picture(document, page - 1, max_pixels)
    if picture is None:
        raise UnsupportedImageError("the page has no picture (drawings, text and stencils are not rendered)")
    embedded, pixels = picture
    return embedded if pixels is None else plain_tiff(pixels)


def decode_pdf(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode the picture of the first page of a PDF file that has one (see `page_picture` for those of all pages).

    An embedded JPEG is taken out byte for byte and decoded like a JPEG file; any other picture comes as the
    bitmap that PDFium makes of it (8 bits a channel). Masks and the page's rotation are not applied.
    ``pages`` counts the document's pages.

    Raises
    ------
    CorruptImageError, UnsupportedImageError, ImageTooLargeError
    """
    with _opened(data) as document:
        n_pages = len(document)
        found = (_largest_picture(document, number, max_pixels) for number in range(min(n_pages, _MAX_PAGES)))
        picture = next((picture for picture in found if picture is not None), None)
    if picture is None:
        raise UnsupportedImageError(
            f"a PDF of {n_pages} pages without a picture (drawings, text and stencils are not rendered)"
        )
    embedded, pixels = picture
    if pixels is None:
        jpeg = decode_jpeg(embedded, max_pixels=max_pixels)
        return DecodedImage(pixels=jpeg.pixels, format="pdf", bit_depth=jpeg.bit_depth, pages=n_pages)
    return DecodedImage(pixels=pixels, format="pdf", bit_depth=1 if pixels.dtype == np.bool_ else 8, pages=n_pages)


@contextmanager
def _opened(data: bytes) -> Iterator[pypdfium2.PdfDocument]:
    if b"%%EOF" not in data.rstrip(b"\x00\r\n\t ")[-_END_MARK_BYTES:]:
        raise CorruptImageError(f"truncated: the PDF ends at byte {len(data):,} without its end mark")
    with _LOCK:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if error.err_code == pdfium.FPDF_ERR_PASSWORD:
                raise UnsupportedImageError("a PDF that is locked by a password") from error
            raise CorruptImageError(f"the PDF cannot be opened: {error}") from error
        try:
            yield document
        finally:
            document.close()


_Picture = tuple[bytes, NDArray[np.generic] | None]  # the embedded JPEG and None, or nothing and a bitmap


def _largest_picture(document: pypdfium2.PdfDocument, number: int, max_pixels: int) -> _Picture | None:
    """The largest picture of a page (from 0); None where it has none."""
    try:
        page = document[number]
    except (pypdfium2.PdfiumError, IndexError) as error:
        raise CorruptImageError(f"page {number + 1} of the PDF cannot be opened: {error}") from error
    try:
        images = page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=_MAX_FORM_DEPTH)
        for image in sorted(images, key=lambda image: -math.prod(image.get_px_size())):
            picture = _read_picture(image, max_pixels)
            if not _is_decoration(picture):
                return picture
        return None
    finally:
        page.close()


def _is_decoration(picture: _Picture) -> bool:
    """Whether a bitmap is of one value throughout, as stencils of one pixel and drop shadows are."""
    _, pixels = picture
    return pixels is not None and bool((pixels == pixels[:1, :1]).all())


def _read_picture(image: pypdfium2.PdfImage, max_pixels: int) -> _Picture:
    width, height = image.get_px_size()
    check_size(width, height, max_pixels=max_pixels, bytes_per_pixel=4)
    filters = image.get_filters()
    max_bytes = max_pixels * BYTES_PER_ALLOWED_PIXEL
    if filters == ["DCTDecode"]:
        return bytes(image.get_data(decode_simple=False)), None
    if filters == ["FlateDecode", "DCTDecode"]:
        _inflated_bytes(bytes(image.get_data(decode_simple=False)), max_bytes)
        return bytes(image.get_data(decode_simple=True)), None
    if filters not in ([], ["FlateDecode"]):
        raise UnsupportedImageError(
            f"a PDF picture stored by {' + '.join(filters)}; DCTDecode and FlateDecode are read"
        )
    stream = bytes(image.get_data(decode_simple=False))
    there = _inflated_bytes(stream, max_bytes) if filters else len(stream)
    needed = _stored_bytes(image.get_metadata(), width, height, there)
    if there < needed:
        raise CorruptImageError(f"truncated: the PDF's picture needs {needed:,} bytes, there are {there:,}")
    return b"", _bitmap_pixels(image.get_bitmap(render=False), width, height)


def _stored_bytes(described: pdfium.FPDF_IMAGEOBJ_METADATA, width: int, height: int, there: int) -> int:
    """Bytes that a picture's stream must have, of which ``there`` are there.

    PDFium says 8 bits for every picture with a palette, also where 1, 2 or 4 are stored: then the stream tells which,
    by having as many bytes as these need and at most a row more.
    """
    if described.colorspace == pdfium.FPDF_COLORSPACE_INDEXED:
        for bits in (1, 2, 4):
            row = (width * bits + 7) // 8
            if row * height <= there <= row * (height + 1):
                return row * height
    return int((width * described.bits_per_pixel + 7) // 8 * height)


def _inflated_bytes(stream: bytes, max_bytes: int) -> int:
    """Inflate in small steps and keep nothing: PDFium fills a damaged rest with zeros, and trusts bombs."""
    inflate = zlib.decompressobj()
    n_bytes, pending = 0, stream
    try:
        while pending and not inflate.eof:
            n_bytes += len(inflate.decompress(pending, _INFLATE_STEP_BYTES))
            pending = inflate.unconsumed_tail
            if n_bytes > max_bytes:
                raise ImageTooLargeError(f"the PDF's picture inflates to more than {max_bytes:,} bytes (a zip bomb?)")
    except zlib.error as error:
        raise CorruptImageError(f"the PDF's picture data are damaged: {error}") from error
    if not inflate.eof:
        raise CorruptImageError("truncated: the PDF's picture data end too early")
    return n_bytes


def _bitmap_pixels(bitmap: pypdfium2.PdfBitmap, width: int, height: int) -> NDArray[np.generic]:
    if (bitmap.width, bitmap.height) != (width, height):
        raise CorruptImageError(
            f"the PDF's picture decodes to {bitmap.width} x {bitmap.height} pixels, "
            f"its header states {width} x {height}"
        )
    pixels = np.array(bitmap.to_numpy())
    bitmap.close()
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        return pixels[:, :, 0]
    # PDFium's order is blue, green, red; a fourth channel is unused or a mask, which is not applied.
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, 2::-1])
