"""TIFF in its many kinds: each is read as it is meant, or refused in words."""

import io
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, ImageTooLargeError, UnsupportedImageError
from pipeline.imaging.formats.decode import decode_image, pixel_md5

RNG = np.random.default_rng(20260801)
GRAY = RNG.integers(0, 256, (40, 56), dtype=np.uint8)
RGB = RNG.integers(0, 256, (40, 56, 3), dtype=np.uint8)
RAMP_PALETTE = np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))


def tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, metadata=None, **options)
    return buffer.getvalue()


def patched(data: bytes, tag: int, value: int) -> bytes:
    """A little-endian classic TIFF with the value of one tag of its first directory replaced."""
    (offset,) = struct.unpack_from("<I", data, 4)
    (n_tags,) = struct.unpack_from("<H", data, offset)
    for position in range(offset + 2, offset + 2 + 12 * n_tags, 12):
        number, kind = struct.unpack_from("<HH", data, position)
        if number == tag:
            new = bytearray(data)
            struct.pack_into("<H" if kind == 3 else "<I", new, position + 8, value)
            return bytes(new)
    raise AssertionError(f"the file has no tag {tag}")


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_every_dtype_comes_back(dtype: str, byte_order: str) -> None:
    pixels = RNG.integers(0, 100, (9, 7)).astype(dtype)
    image = decode_image(tiff(pixels, byteorder=byte_order))
    assert image.pixels.dtype == np.dtype(dtype)
    assert image.pixels.dtype.isnative
    np.testing.assert_array_equal(image.pixels, pixels)
    assert (image.format, image.bit_depth, image.pages) == ("tiff", 8 * np.dtype(dtype).itemsize, 1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 7},
        {"bigtiff": True},
        {"tile": (16, 32)},
        {"compression": "lzw", "rowsperstrip": 7},
        {"compression": "zlib", "predictor": True},
        {"compression": "packbits"},
        {"compression": "zstd"},
        {"compression": "lzma", "tile": (16, 16)},
    ],
)
def test_every_storage_comes_back(options: dict[str, Any]) -> None:
    np.testing.assert_array_equal(decode_image(tiff(GRAY, **options)).pixels, GRAY)
    np.testing.assert_array_equal(decode_image(tiff(RGB, photometric="rgb", **options)).pixels, RGB)


def test_the_fast_path_equals_tifffile() -> None:
    for pixels in (GRAY, RGB, GRAY.astype(">u2") * 257):
        data = tiff(pixels, rowsperstrip=3)
        np.testing.assert_array_equal(decode_image(data).pixels, tifffile.imread(io.BytesIO(data)))


def test_strips_that_are_not_in_order() -> None:
    data = bytearray(tiff(GRAY, rowsperstrip=20))
    page = tifffile.TiffFile(io.BytesIO(data)).pages[0]
    offsets = page.tags[273]  # type: ignore[union-attr]
    first, second = offsets.value
    struct.pack_into("<II", data, offsets.valueoffset, second, first)
    np.testing.assert_array_equal(decode_image(bytes(data)).pixels, np.vstack([GRAY[20:], GRAY[:20]]))


def test_planes_become_channels() -> None:
    data = tiff(np.moveaxis(RGB, -1, 0).copy(), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(decode_image(data).pixels, RGB)


def test_white_is_zero_is_inverted() -> None:
    for pixels, white in ((GRAY, 255), (GRAY.astype(np.uint16) * 16, 65535)):
        np.testing.assert_array_equal(decode_image(tiff(pixels, photometric="miniswhite")).pixels, white - pixels)
    bits = GRAY > 99
    np.testing.assert_array_equal(decode_image(tiff(bits, photometric="miniswhite")).pixels, ~bits)


def test_one_bit_a_pixel() -> None:
    image = decode_image(tiff(GRAY > 99, photometric="minisblack"))
    assert (image.pixels.dtype.kind, image.bit_depth) == ("b", 1)
    np.testing.assert_array_equal(image.pixels, GRAY > 99)


def test_four_bits_a_pixel_fill_the_range() -> None:
    data = tiff(GRAY)
    packed = patched(patched(patched(data, 258, 4), 256, 112), 279, GRAY.size)
    expected = np.stack([GRAY >> 4, GRAY & 15], axis=-1).reshape(40, 112) * 17
    image = decode_image(packed)
    assert image.bit_depth == 4
    np.testing.assert_array_equal(image.pixels, expected)


def test_a_gray_palette_is_the_gray_picture() -> None:
    image = decode_image(tiff(GRAY, photometric="palette", colormap=RAMP_PALETTE))
    np.testing.assert_array_equal(image.pixels, GRAY)
    inverted = decode_image(tiff(GRAY, photometric="palette", colormap=RAMP_PALETTE[:, ::-1]))
    np.testing.assert_array_equal(inverted.pixels, 255 - GRAY)


def test_an_annotation_palette_is_the_raw_index() -> None:
    palette = RAMP_PALETTE.copy()
    palette[:, 250:] = [[65535], [0], [0]]
    np.testing.assert_array_equal(decode_image(tiff(GRAY, photometric="palette", colormap=palette)).pixels, GRAY)


def test_a_coloured_palette_is_expanded_unless_a_microscope_wrote_it() -> None:
    palette = RNG.integers(0, 256, (3, 256)).astype(np.uint16) * 257
    plain = decode_image(tiff(GRAY, photometric="palette", colormap=palette))
    np.testing.assert_array_equal(plain.pixels, (palette.T >> 8)[GRAY])
    tag = [(34118, 2, 0, "0\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 2.5 nm\r\n", True)]
    zeiss = decode_image(tiff(GRAY, photometric="palette", colormap=palette, extratags=tag))
    np.testing.assert_array_equal(zeiss.pixels, GRAY)
    assert (zeiss.nm_per_px, zeiss.metadata["vendor"]) == (2.5, "Zeiss")


def test_alpha_stays_unless_opaque_and_other_samples_go() -> None:
    rgba = np.dstack([RGB, GRAY])
    kept = decode_image(tiff(rgba, photometric="rgb", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(kept.pixels, rgba)
    for extra in ("assocalpha", "unspecified"):
        image = decode_image(tiff(rgba, photometric="rgb", extrasamples=[extra]))
        np.testing.assert_array_equal(image.pixels, RGB)


def test_the_first_of_the_largest_pages_is_taken() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for page in (GRAY[:10, :10], GRAY, 255 - GRAY, GRAY[:20]):
            writer.write(page, metadata=None, contiguous=False)
    image = decode_image(buffer.getvalue())
    assert image.pages == 4
    np.testing.assert_array_equal(image.pixels, GRAY)


def test_jpeg_inside_is_read_and_damage_noticed() -> None:
    smooth = np.add.outer(np.arange(40), np.arange(56)).astype(np.uint8)
    data = tiff(smooth, compression="jpeg", compressionargs={"level": 95})
    assert int(np.abs(decode_image(data).pixels.astype(int) - smooth).max()) < 8
    page = tifffile.TiffFile(io.BytesIO(data)).pages[0]
    start, count = page.dataoffsets[0], page.databytecounts[0]
    cut = bytearray(data)
    cut[start + count // 2 : start + count] = bytes(count - count // 2)
    with pytest.raises(CorruptImageError, match="JPEG"):
        decode_image(bytes(cut))


def test_all_encodings_of_a_picture_have_one_digest() -> None:
    wide = np.repeat(GRAY[:, :, None], 3, axis=2)
    opaque = np.dstack([wide, np.full_like(GRAY, 255)])
    files = [
        tiff(GRAY),
        tiff(GRAY, compression="lzw", tile=(16, 16)),
        tiff(wide, photometric="rgb"),
        tiff(opaque, photometric="rgb", extrasamples=["unassalpha"]),
        tiff(GRAY, photometric="palette", colormap=RAMP_PALETTE),
        tiff(255 - GRAY, photometric="miniswhite"),
    ]
    assert len({pixel_md5(decode_image(data)) for data in files}) == 1


def test_a_cyclic_chain_of_directories() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for _ in range(3):
            writer.write(GRAY, metadata=None, contiguous=False)
    data = bytearray(buffer.getvalue())
    pages = tifffile.TiffFile(io.BytesIO(bytes(data))).pages
    last = pages[2].offset
    (n_tags,) = struct.unpack_from("<H", data, last)
    struct.pack_into("<I", data, last + 2 + 12 * n_tags, pages[1].offset)
    with pytest.raises(CorruptImageError, match="cyclic"):
        decode_image(bytes(data))


def test_a_forged_size_is_refused_before_decoding() -> None:
    with pytest.raises(ImageTooLargeError, match="60000 x 60000"):
        decode_image(patched(patched(tiff(GRAY), 256, 60000), 257, 60000))
    with pytest.raises(CorruptImageError, match="shorter than"):
        decode_image(patched(tiff(GRAY), 256, 20000))
    with pytest.raises(CorruptImageError, match="impossible size"):
        decode_image(patched(tiff(GRAY), 257, 0))
    with pytest.raises(ImageTooLargeError, match="bytes"):
        decode_image(tiff(np.zeros((8, 8), np.float64)), max_pixels=100)


def test_a_body_of_zeros_is_a_black_picture() -> None:
    for options in ({}, {"tile": (16, 16)}, {"compression": "zlib"}):
        assert not decode_image(tiff(np.zeros_like(GRAY), **options)).pixels.any()


@pytest.mark.parametrize(
    ("tag", "value", "reason"),
    [
        (259, 2, "CCITT fax coding"),
        (259, 4, "Group 4"),
        (259, 6, "old-style JPEG"),
        (259, 999, "compression .code 999"),
        (262, 8, "CIE L"),
        (262, 77, "interpretation .code 77"),
        (339, 6, "complex"),
        (262, 6, "YCbCr"),
    ],
)
def test_what_is_not_read_is_named(tag: int, value: int, reason: str) -> None:
    data = tiff(GRAY.astype(np.int8)) if tag == 339 else tiff(GRAY)
    data = patched(data, tag, value)
    with pytest.raises((UnsupportedImageError), match=reason):
        decode_image(patched(data, 277, 3) if value == 6 and tag == 262 else data)


@pytest.mark.parametrize("options", [{}, {"compression": "lzw"}, {"tile": (16, 16)}])
def test_inks_become_colours(options: dict[str, Any]) -> None:
    inks = RNG.integers(0, 256, (40, 56, 4), dtype=np.uint8)
    light = 1 - inks.astype(np.float64) / 255
    expected = np.floor(255 * light[:, :, :3] * light[:, :, 3:] + 0.5)
    image = decode_image(tiff(inks, photometric="separated", **options))
    assert image.pixels.shape == (40, 56, 3)
    assert np.abs(image.pixels - expected).max() <= 1
    white = decode_image(
        tiff(np.zeros((9, 9, 4), np.uint8) + np.array([0, 0, 0, 255], np.uint8), photometric="separated")
    )
    assert not white.pixels.any(), "all of the black ink is black"


def test_a_picture_that_lies_behind_a_reduced_one_is_not_taken_for_it() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(GRAY[::4, ::4], subifds=1, subfiletype=1, metadata=None)
        file.write(GRAY, metadata=None)
    with pytest.raises(UnsupportedImageError, match="SubIFD"):
        decode_image(buffer.getvalue())


def test_64_bit_integers_are_refused() -> None:
    with pytest.raises(UnsupportedImageError, match="64-bit"):
        decode_image(tiff(GRAY.astype(np.int64)))


@pytest.mark.parametrize("compression", ["lzw", "zlib", "packbits", "zstd", "lzma", "jpeg"])
@pytest.mark.parametrize("tiled", [False, True])
def test_compressed_data_of_half_the_rows_are_not_filled_up(compression: str, tiled: bool) -> None:
    options = {"tile": (32, 64)} if tiled else {}
    data = patched(tiff(GRAY[:20], compression=compression, **options), 257, 40)
    data = patched(data, 323, 64) if tiled else patched(data, 278, 40)
    with pytest.raises(CorruptImageError, match="cannot be reshaped"):
        decode_image(data)


def test_a_deflate_bomb_in_a_strip_is_not_inflated() -> None:
    bomb = zlib.compress(bytes(100_000_000), 1)
    data = tiff(GRAY, compression="zlib")
    data = patched(patched(data, 279, len(bomb)), 273, len(data)) + bomb
    tracemalloc.start()
    try:
        with pytest.raises(CorruptImageError, match="strip 0 has"):
            decode_image(data)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
