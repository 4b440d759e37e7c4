"""Files whose pixels are whole although something else in them is damaged or unusual: they are no corrupt files."""

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from pipeline.demo.dm_file import dm_bytes
from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.imaging.formats.decode import decode_image

GRAY = np.random.default_rng(5).integers(0, 256, (40, 60), dtype=np.uint8)
COLOURS = np.random.default_rng(6).integers(0, 256, (24, 31, 3), dtype=np.uint8)


def saved(pixels: NDArray[np.uint8], kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


# -- PNG


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize(
    "note",
    [
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80 << 20))),
        chunk(b"acTL", struct.pack(">II", 3, 0)) + chunk(b"fdAT", b"\0\0\0\7nothing"),
        chunk(b"iCCP", b"profile\0\0no zlib stream"),
        chunk(b"tEXt", b"no separator"),
    ],
    ids=["a text of 80 MB", "an animation without frames", "a damaged profile", "a text without a name"],
)
def test_notes_of_a_png(note: bytes) -> None:
    data = saved(GRAY, "PNG")
    np.testing.assert_array_equal(decode_image(data[:33] + note + data[33:]).pixels, GRAY)


def test_a_damaged_note_of_a_png_is_damage() -> None:
    data = saved(GRAY, "PNG")
    note = bytearray(chunk(b"tEXt", b"Title\0some words"))
    note[12] ^= 1
    with pytest.raises(CorruptImageError, match="does not match its checksum"):
        decode_image(data[:33] + bytes(note) + data[33:])


@pytest.mark.parametrize("bits", [8, 16])
def test_the_transparent_colour_of_a_png_is_ignored_at_any_depth(bits: int) -> None:
    rows = COLOURS.astype(">u2") * 257 if bits == 16 else COLOURS
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    height, width = COLOURS.shape[:2]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0))
    clear = chunk(b"tRNS", struct.pack(">3H", *(int(value) for value in rows[0, 0])))
    data = b"\x89PNG\r\n\x1a\n" + head + clear + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(decode_image(data).pixels, rows)


# -- JPEG


@pytest.mark.parametrize(
    "note",
    [b"\xff\xe2\x00\x1bICC_PROFILE\0\x09\x01 no profile", b"\0garbage without a marker\0", b"\xff\xff\xff"],
    ids=["a damaged profile", "garbage", "filling"],
)
def test_notes_of_a_jpeg(note: bytes) -> None:
    data = saved(GRAY, "JPEG")
    assert data[2:4] == b"\xff\xe0"
    behind = 4 + int.from_bytes(data[4:6], "big")
    pixels = decode_image(data[:behind] + note + data[behind:]).pixels
    np.testing.assert_array_equal(pixels, decode_image(data).pixels)


def test_a_jpeg_of_a_subsampling_that_is_not_read_is_named() -> None:
    data = bytearray(saved(COLOURS, "JPEG"))
    data[data.find(b"\xff\xc0") + 11] = 0x42
    with pytest.raises(UnsupportedImageError, match="chroma subsampling"):
        decode_image(bytes(data))


# -- BMP


def bmp(pixels: NDArray[np.unsignedinteger], masks: Sequence[int], *, up: bool = True) -> bytes:
    height, width = pixels.shape
    rows = np.zeros((height, -(-width * pixels.itemsize // 4) * 4), np.uint8)
    rows[:, : width * pixels.itemsize] = pixels.view(np.uint8).reshape(height, -1)
    head = struct.pack("<IiiHHIIiiII", 56, width, height if up else -height, 1, pixels.itemsize * 8, 3, 0, 0, 0, 0, 0)
    body = head + struct.pack("<4I", *masks) + (rows[::-1] if up else rows).tobytes()
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 14 + 56) + body


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("shifts", [(16, 8, 0), (0, 8, 16), (24, 4, 16)])
def test_bit_fields_of_a_bmp(shifts: tuple[int, int, int], up: bool) -> None:
    red, green, blue = (COLOURS[:, :, channel].astype(np.uint32) << shift for channel, shift in enumerate(shifts))
    data = bmp(red | green | blue, [255 << shift for shift in shifts] + [0], up=up)
    np.testing.assert_array_equal(decode_image(data).pixels, COLOURS)


def test_bit_fields_of_16_bits_are_spread_over_the_range() -> None:
    red, green, blue = (COLOURS[:, :, channel].astype(np.uint16) >> cut for channel, cut in enumerate((3, 2, 3)))
    data = bmp(np.asarray(red << 11 | green << 5 | blue, np.uint16), [31 << 11, 63 << 5, 31, 0])
    pixels = decode_image(data).pixels
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    assert (pixels.min(), pixels.max()) == (0, 255)


@pytest.mark.parametrize(("code", "kind"), [(4, "JPEG"), (5, "PNG")])
def test_a_file_inside_a_bmp(code: int, kind: str) -> None:
    inside = saved(COLOURS, kind)
    head = struct.pack("<IiiHHIIiiII", 40, 31, 24, 1, 0, code, len(inside), 0, 0, 0, 0)
    data = b"BM" + struct.pack("<IHHI", 54 + len(inside), 0, 0, 54) + head + inside
    image = decode_image(data)
    assert image.format == "bmp"
    np.testing.assert_array_equal(image.pixels, decode_image(inside).pixels)


# -- PDF


def pdf(image: bytes, stream: bytes, *, trailer: bytes = b"") -> bytes:
    """A page that shows one picture; ``image`` are the entries of its dictionary."""
    shown = b"q 100 0 0 100 0 0 cm /Im Do Q"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R"
        b" /Resources << /XObject << /Im 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(shown), shown),
        b"<< /Type /XObject /Subtype /Image %s /Length %d >>\nstream\n%s\nendstream" % (image, len(stream), stream),
    ]
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + table + b"trailer\n<< /Size 6 /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (trailer, len(data))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_pdf_picture_with_a_palette_of_few_bits(bits: int) -> None:
    levels = np.random.default_rng(bits).integers(0, 2**bits, (20, 33), dtype=np.uint8)
    gray = b"".join(bytes([255 * level // (2**bits - 1)]) * 3 for level in range(2**bits))
    words = np.unpackbits(levels[:, :, None], axis=2)[:, :, 8 - bits :].reshape(20, -1)
    stream = zlib.compress(np.packbits(words, axis=1).tobytes())
    entries = (
        b"/Width 33 /Height 20 /BitsPerComponent %d /ColorSpace [/Indexed /DeviceRGB %d <%s>] /Filter /FlateDecode"
    )
    about = entries % (bits, 2**bits - 1, gray.hex().encode())
    np.testing.assert_array_equal(decode_image(pdf(about, stream)).pixels, 255 * levels.astype(int) // (2**bits - 1))
    with pytest.raises(CorruptImageError, match="truncated"):
        decode_image(pdf(about, zlib.compress(np.packbits(words, axis=1).tobytes()[:-40])))


def test_a_page_with_a_stencil_or_a_shadow_only() -> None:
    stencil = pdf(b"/Width 1 /Height 1 /ImageMask true /BitsPerComponent 1", b"\0")
    shadow = pdf(b"/Width 9 /Height 9 /BitsPerComponent 8 /ColorSpace /DeviceGray", bytes(81))
    for document in (stencil, shadow):
        with pytest.raises(UnsupportedImageError, match="without a picture"):
            decode_image(document)


def test_a_locked_pdf_is_not_damaged() -> None:
    keys = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >> /ID [<00> <00>]" % (
        b"5A" * 32,
        b"A5" * 32,
    )
    with pytest.raises(UnsupportedImageError, match="locked by a password"):
        decode_image(pdf(b"/Width 9 /Height 9 /BitsPerComponent 8 /ColorSpace /DeviceGray", bytes(81), trailer=keys))


# -- TIFF


def tag_place(data: bytes, tag: int) -> int:
    """Where the entry of a tag begins, in a little-endian TIFF of one page."""
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    places = [directory + 2 + 12 * number for number in range(entries)]
    return next(place for place in places if struct.unpack_from("<H", data, place)[0] == tag)


def renamed(data: bytes, tags: dict[int, int]) -> bytes:
    changed = bytearray(data)
    for old, new in tags.items():
        struct.pack_into("<H", changed, tag_place(data, old), new)
    return bytes(changed)


def tiff(pixels: NDArray[np.uint8], **options: object) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, byteorder="<", metadata=None, **options)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("predictor", [False, True])
def test_a_last_strip_that_inflates_to_whole_rows_per_strip(predictor: bool) -> None:
    tall = np.vstack([GRAY, GRAY[:8]])
    data = bytearray(tiff(tall, compression="zlib", rowsperstrip=16, predictor=predictor))
    struct.pack_into("<H", data, tag_place(bytes(data), 257) + 8, 40)
    np.testing.assert_array_equal(decode_image(bytes(data)).pixels, tall[:40])
    where = data.rfind(b"\x78")  # the last strip's zlib stream
    data[where + 20] ^= 0x55
    with pytest.raises(CorruptImageError):
        decode_image(bytes(data))


def test_three_samples_without_a_word_are_red_green_and_blue() -> None:
    data = renamed(tiff(COLOURS, photometric="rgb"), {262: 263})
    np.testing.assert_array_equal(decode_image(data).pixels, COLOURS)


def test_tiles_that_are_listed_as_strips() -> None:
    data = renamed(tiff(GRAY, tile=(16, 16)), {324: 273, 325: 279})
    np.testing.assert_array_equal(decode_image(data).pixels, GRAY)


# -- what is no picture


@pytest.mark.parametrize("shape", [(1, 170), (170, 1)])
def test_a_spectrum_in_two_dimensions(shape: tuple[int, int]) -> None:
    with pytest.raises(UnsupportedImageError, match="spectrum"):
        decode_image(dm_bytes(np.arange(170, dtype=np.float32).reshape(shape)))
