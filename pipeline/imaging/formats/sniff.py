"""What a file is, judged by its content and never by its name."""

import struct
from collections.abc import Callable
from typing import Final

from pipeline.records import ImageFormat

HEAD_BYTES: Final = 1024
"""How many of a file's first bytes `sniff_format` and `describe` want to see."""

_BMP_HEADER_SIZES: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})

_OTHER_CONTENT: Final[tuple[tuple[bytes, str], ...]] = (
    (b"PK\x03\x04", "a ZIP archive (or an Office document)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 code stream"),
    (b"%!PS", "a PostScript document"),
    (b"RIFF", "a RIFF file (WebP, WAV or AVI)"),
    (b"8BPS", "a Photoshop image"),
    (b"SIMPLE  =", "a FITS image"),
    (b"<?xml", "an XML document"),
    (b"<svg", "an SVG drawing"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"{\\rtf", "a Rich Text document"),
)


def _is_tiff(head: bytes) -> bool:
    return head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def _is_bmp(head: bytes) -> bool:
    # "BM" alone begins many texts; the size of the second header tells them apart.
    return head[:2] == b"BM" and len(head) >= 18 and struct.unpack_from("<I", head, 14)[0] in _BMP_HEADER_SIZES


def _is_dm3(head: bytes) -> bool:
    return head[:4] == b"\x00\x00\x00\x03" and head[8:12] in (b"\x00\x00\x00\x00", b"\x00\x00\x00\x01")


def _is_dm4(head: bytes) -> bool:
    return head[:4] == b"\x00\x00\x00\x04" and head[12:16] in (b"\x00\x00\x00\x00", b"\x00\x00\x00\x01")


_TESTS: Final[tuple[tuple[ImageFormat, Callable[[bytes], bool]], ...]] = (
    ("tiff", _is_tiff),
    ("jpeg", lambda head: head[:3] == b"\xff\xd8\xff"),
    ("png", lambda head: head[:8] == b"\x89PNG\r\n\x1a\n"),
    ("gif", lambda head: head[:6] in (b"GIF87a", b"GIF89a")),
    ("bmp", _is_bmp),
    ("djvu", lambda head: head[:8] == b"AT&TFORM" and head[12:15] == b"DJV"),
    ("dm3", _is_dm3),
    ("dm4", _is_dm4),
    ("hdf5", lambda head: head[:8] == b"\x89HDF\r\n\x1a\n"),
    # Readers accept a PDF whose header comes after some other bytes.
    ("pdf", lambda head: b"%PDF-" in head[:HEAD_BYTES]),
)


def sniff_format(head: bytes) -> ImageFormat | None:
    """Format of a file from its first bytes.

    Parameters
    ----------
    head : bytes
        The file's first `HEAD_BYTES` bytes, or all of a shorter file. More does no harm.

    Returns
    -------
    str or None
        One of `pipeline.records.ImageFormat`; None for empty, short or unknown content.

    Examples
    --------
    >>> sniff_format(b"II*\\x00\\x08\\x00\\x00\\x00")
    'tiff'
    >>> sniff_format(b"") is None
    True
    """
    for image_format, matches in _TESTS:
        if matches(head):
            return image_format
    return None


def describe(head: bytes) -> str:
    """Say in words what content that `sniff_format` does not know seems to be, for a ledger's reason."""
    for magic, name in _OTHER_CONTENT:
        if head.startswith(magic):
            return name
    if not head:
        return "an empty file"
    if all(byte in b"\t\n\r\x0c" or 32 <= byte < 127 for byte in head[:HEAD_BYTES]):
        return "plain text"
    return f"unknown content that begins with the bytes {head[:8].hex(' ')}"
