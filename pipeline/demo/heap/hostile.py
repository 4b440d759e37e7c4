"""Files that are no pictures, or that would hurt a careless reader; each with what the ledger must say."""

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pipeline.demo.dm_file import TagWriter, image_tags
from pipeline.demo.encode import bmp_bytes, bomb_png_bytes, png_bytes
from pipeline.demo.heap.containers import DJVU_BYTES, jpeg
from pipeline.demo.heap.pictures import Gray
from pipeline.demo.heap.tiff_kinds import fax, written
from pipeline.records import FileStatus, ImageFormat

_FORGED_SIDE_PX = 60_000
_BLOCK_BYTES = 1 << 20
_INFLATED_BYTES = 1700 * _BLOCK_BYTES  # beyond what 400 million pixels may take


@dataclass(frozen=True, slots=True)
class Hostile:
    """A kind of bad file.

    Attributes
    ----------
    format : str or None
        What its first bytes say.
    suffix : str
    status : str
        What the ledger must say.
    reason : str
        A word that the ledger's reason must have.
    make : callable
        From a gray picture of its own to the file's bytes.
    """

    format: ImageFormat | None
    suffix: str
    status: FileStatus
    reason: str
    make: Callable[[Gray], bytes]


def _cut(data: bytes, share: float = 0.6) -> bytes:
    return data[: int(len(data) * share)]


def _with_entry(tiff: bytes, number: int, kind: int, count: int, value: int) -> bytes:
    """Overwrite a tag of the first directory of a little-endian classic TIFF."""
    (first,) = struct.unpack_from("<I", tiff, 4)
    (tags,) = struct.unpack_from("<H", tiff, first)
    for position in range(first + 2, first + 2 + 12 * tags, 12):
        if struct.unpack_from("<H", tiff, position)[0] == number:
            return tiff[:position] + struct.pack("<HHII", number, kind, count, value) + tiff[position + 12 :]
    raise ValueError(f"the TIFF has no tag {number}")


def _cyclic(gray: Gray) -> bytes:
    """The last directory points back to the first."""
    tiff = bytearray(written(gray, gray[::2]))
    (first,) = struct.unpack_from("<I", tiff, 4)
    position = first
    while True:
        (tags,) = struct.unpack_from("<H", tiff, position)
        end = position + 2 + 12 * tags
        (following,) = struct.unpack_from("<I", tiff, end)
        if not following:
            struct.pack_into("<I", tiff, end, first)
            return bytes(tiff)
        position = following


def _huge_tiff(gray: Gray) -> bytes:
    tiff = _with_entry(written(gray), 256, 4, 1, _FORGED_SIDE_PX)
    return _with_entry(tiff, 257, 4, 1, _FORGED_SIDE_PX)


def _huge_jpeg(gray: Gray) -> bytes:
    data = bytearray(jpeg(gray, quality=80))
    frame = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, frame + 5, 65_500, 65_500)
    return bytes(data)


def _huge_dm(gray: Gray) -> bytes:
    tags = image_tags(gray)
    tags["ImageData"]["Dimensions"] = {"0": _FORGED_SIDE_PX, "1": _FORGED_SIDE_PX}
    return TagWriter(3).file({"ImageList": {"0": tags}})


def _bomb(gray: Gray) -> bytes:
    """A few bytes of its own behind the end, so that no two bombs are one content."""
    return bomb_png_bytes(_FORGED_SIDE_PX) + gray[:2].tobytes()


def _zip_bomb_pdf(gray: Gray) -> bytes:
    """A small picture whose stream inflates to `_INFLATED_BYTES`."""
    return _pdf_of(f"/Width {gray.shape[1]} /Height {gray.shape[0]}", _deflated_zeros(), gray)


def _deflated_zeros() -> bytes:
    """A deflated stream of `_INFLATED_BYTES` zeros, put together from equal blocks at no cost."""
    blocks = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = blocks.compress(bytes(_BLOCK_BYTES)) + blocks.flush(zlib.Z_FULL_FLUSH)
    checksum = struct.pack(">HH", _INFLATED_BYTES % 65_521, 1)  # Adler-32 of so many zeros
    return b"\x78\xda" + first * (_INFLATED_BYTES // _BLOCK_BYTES) + blocks.flush() + checksum


def _huge_pdf(gray: Gray) -> bytes:
    return _pdf_of(f"/Width {_FORGED_SIDE_PX} /Height {_FORGED_SIDE_PX}", zlib.compress(gray.tobytes()), gray)


def _empty_pdf(gray: Gray) -> bytes:
    return _pdf_of("", b"", gray).replace(b"/Im0 Do", b"        ")


def _pdf_of(size: str, stream: bytes, gray: Gray) -> bytes:
    """A PDF of one page with a deflated picture; a comment with some of ``gray`` makes it a content of its own."""
    content = b"q 100 0 0 100 0 0 cm /Im0 Do Q"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 5 0 R"
        b" /Resources << /XObject << /Im0 4 0 R >> >> >>",
        f"<< /Type /XObject /Subtype /Image {size} /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode"
        f" /Length {len(stream)} >>".encode()
        + b"\nstream\n"
        + stream
        + b"\nendstream",
        b"<< /Length %d >>\nstream\n" % len(content) + content + b"\nendstream",
    ]
    out = bytearray(b"%PDF-1.4\n%" + gray[0].tobytes().hex().encode() + b"\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % table
    return bytes(out)


def _scratched(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + b"\xff\xc4" * 300 + data[middle + 600 :]


def _flipped_png(gray: Gray) -> bytes:
    data = bytearray(png_bytes(gray))
    data[len(data) // 2] ^= 0x10
    return bytes(data)


def _note(gray: Gray) -> bytes:
    return f"Campione {int(gray[0, 0])}-{int(gray[1, 1])}-{gray[2].tobytes().hex()}: da ripetere\n".encode()


HOSTILE: Final[Mapping[str, Hostile]] = MappingProxyType(
    {
        "cut tiff": Hostile("tiff", ".tif", "corrupt", "truncated", lambda gray: _cut(written(gray))),
        "cut lzw": Hostile("tiff", ".tif", "corrupt", "", lambda gray: _cut(written(gray, compression="lzw"))),
        "cut jpeg": Hostile("jpeg", ".jpg", "corrupt", "cut off", lambda gray: _cut(jpeg(gray, quality=85))),
        "cut png": Hostile("png", ".png", "corrupt", "truncated", lambda gray: _cut(png_bytes(gray))),
        "cut bmp": Hostile("bmp", ".bmp", "corrupt", "truncated", lambda gray: _cut(bmp_bytes(gray))),
        "cut head": Hostile("tiff", ".tif", "corrupt", "truncated", lambda gray: written(gray)[:7]),
        "scratched jpeg": Hostile("jpeg", ".jpg", "corrupt", "damaged", lambda g: _scratched(jpeg(g, quality=85))),
        "scratched lzw": Hostile("tiff", ".tif", "corrupt", "", lambda g: _scratched(written(g, compression="lzw"))),
        "flipped png": Hostile("png", ".png", "corrupt", "checksum", _flipped_png),
        "cyclic tiff": Hostile("tiff", ".tif", "corrupt", "cyclic", _cyclic),
        "huge tiff": Hostile("tiff", ".tif", "too_large", "60000 x 60000", _huge_tiff),
        "huge jpeg": Hostile("jpeg", ".jpg", "too_large", "65500 x 65500", _huge_jpeg),
        "huge dm3": Hostile("dm3", ".dm3", "too_large", "60000 x 60000", _huge_dm),
        "huge pdf": Hostile("pdf", ".pdf", "too_large", "60000 x 60000", _huge_pdf),
        "png bomb": Hostile("png", ".png", "too_large", "60000 x 60000", _bomb),
        "pdf zip bomb": Hostile("pdf", ".pdf", "too_large", "zip bomb", _zip_bomb_pdf),
        "pdf without picture": Hostile("pdf", ".pdf", "unsupported", "without a picture", _empty_pdf),
        "cut djvu": Hostile("djvu", ".djvu", "corrupt", "", lambda _: DJVU_BYTES[:60]),
        "fax": Hostile("tiff", ".tif", "unsupported", "CCITT", fax),
        "note": Hostile(None, ".tif", "unsupported", "plain text", _note),
        "zip": Hostile(None, ".docx", "unsupported", "ZIP", lambda gray: b"PK\x03\x04" + gray[:4].tobytes()),
        "noise": Hostile(None, ".jpg", "unsupported", "unknown content", lambda gray: b"\x07\x99" + gray.tobytes()),
    }
)
"""All kinds of bad file; ``reason`` is empty where a decoder's own words are the reason."""
