"""`decode_image` over the everyday formats: what comes back, and what each refusal says."""

import io
import logging
import struct
import warnings
import zlib
from typing import Any, get_args

import imagecodecs
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import CorruptImageError, ImageTooLargeError, UnsupportedImageError
from pipeline.imaging.formats.decode import DECODERS, decode_image, pixel_md5
from pipeline.records import DecodedImage, ImageFormat

RNG = np.random.default_rng(11)
GRAY = RNG.integers(0, 256, (40, 56), dtype=np.uint8)
RGB = RNG.integers(0, 256, (40, 56, 3), dtype=np.uint8)
SMOOTH = np.add.outer(np.arange(40) * 3, np.arange(56) * 2).astype(np.uint8)


def saved(pixels: NDArray[Any] | Image.Image, format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def palette_image(table: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(GRAY).convert("L")
    image.putpalette(table.tobytes())
    return image


@pytest.mark.parametrize("format_name", ["PNG", "BMP"])
@pytest.mark.parametrize("pixels", [GRAY, RGB, GRAY > 99], ids=["gray", "rgb", "bits"])
def test_lossless_formats_come_back(format_name: str, pixels: NDArray[Any]) -> None:
    image = decode_image(saved(pixels, format_name))
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.pixels.dtype == pixels.dtype
    assert image.format == format_name.lower()
    assert image.bit_depth == (1 if pixels.dtype == np.bool_ else 8)


def test_png_of_16_bits_is_not_reduced() -> None:
    gray = GRAY.astype(np.uint16) * 16 + 5
    image = decode_image(saved(gray, "PNG"))
    assert (image.pixels.dtype.str[1:], image.bit_depth) == ("u2", 16)
    np.testing.assert_array_equal(image.pixels, gray)
    colours = RGB.astype(np.uint16) * 16 + 5
    image = decode_image(bytes(imagecodecs.png_encode(colours)))
    assert image.bit_depth == 16
    np.testing.assert_array_equal(image.pixels, colours)


def test_png_with_alpha() -> None:
    rgba = np.dstack([RGB, GRAY])
    np.testing.assert_array_equal(decode_image(saved(rgba, "PNG")).pixels, rgba)
    transparent = palette_image(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1))
    assert decode_image(saved(transparent, "PNG", transparency=7)).pixels.shape == (40, 56, 2)


@pytest.mark.parametrize("format_name", ["PNG", "BMP", "GIF"])
def test_palettes(format_name: str) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    annotated = ramp.copy()
    annotated[:20] = [255, 0, 0]
    colours = RNG.integers(0, 256, (256, 3), dtype=np.uint8)
    for table, expected in (
        (ramp, GRAY),
        (ramp[::-1], 255 - GRAY),
        (annotated, GRAY),
        (colours, colours[GRAY]),
    ):
        image = decode_image(saved(palette_image(table), format_name, optimize=False))
        np.testing.assert_array_equal(image.pixels, expected)


def test_gif_counts_its_frames_and_gives_the_first() -> None:
    frames = [Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    image = decode_image(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert image.pages == 2
    np.testing.assert_array_equal(image.pixels, GRAY)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg(progressive: bool) -> None:
    data = saved(SMOOTH, "JPEG", quality=95, progressive=progressive)
    image = decode_image(data)
    assert (image.format, image.bit_depth, image.pixels.shape) == ("jpeg", 8, SMOOTH.shape)
    np.testing.assert_array_equal(image.pixels, np.asarray(Image.open(io.BytesIO(data))))
    assert decode_image(saved(RGB, "JPEG")).pixels.shape == RGB.shape


def test_a_colour_jpeg_of_a_gray_picture_is_gray() -> None:
    gray_rgb = np.repeat(SMOOTH[:, :, None], 3, axis=2)
    assert decode_image(saved(gray_rgb, "JPEG")).pixels.ndim == 2


def test_kinds_of_jpeg_that_are_refused() -> None:
    with pytest.raises(UnsupportedImageError, match="4 components"):
        decode_image(saved(Image.fromarray(RGB).convert("CMYK"), "JPEG"))
    with pytest.raises(UnsupportedImageError, match="12 bits"):
        decode_image(bytes(imagecodecs.jpeg_encode(GRAY.astype(np.uint16), bitspersample=12)))


def forged_jpeg() -> bytes:
    data = bytearray(saved(SMOOTH, "JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 65500, 65500)
    return bytes(data)


def forged_png() -> bytes:
    data = bytearray(saved(GRAY, "PNG"))
    struct.pack_into(">II", data, 16, 60000, 60000)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    return bytes(data)


def forged_bmp() -> bytes:
    data = bytearray(saved(GRAY, "BMP"))
    struct.pack_into("<ii", data, 18, 60000, -60000)
    return bytes(data)


def forged_gif() -> bytes:
    data = bytearray(saved(GRAY, "GIF"))
    struct.pack_into("<HH", data, 6, 60000, 60000)
    return bytes(data)


@pytest.mark.parametrize("make", [forged_jpeg, forged_png, forged_bmp, forged_gif])
def test_a_forged_size_is_refused_by_the_header(make: Any) -> None:
    with pytest.raises(ImageTooLargeError, match=r"(65500 x 65500|60000 x 60000)"):
        decode_image(make())


def test_the_limit_is_the_callers() -> None:
    data = saved(GRAY, "PNG")
    assert decode_image(data, max_pixels=GRAY.size).pixels.size == GRAY.size
    with pytest.raises(ImageTooLargeError, match=f"at most {GRAY.size - 1:,}"):
        decode_image(data, max_pixels=GRAY.size - 1)


def test_content_that_is_no_image() -> None:
    with pytest.raises(CorruptImageError, match="empty"):
        decode_image(b"")
    with pytest.raises(CorruptImageError, match=r"all 5,000 bytes of the file are zero"):
        decode_image(bytes(5000))
    with pytest.raises(UnsupportedImageError, match="ZIP"):
        decode_image(b"PK\x03\x04" + bytes(100))


@pytest.mark.parametrize("kind", ["BMP", "PNG", "TIFF"])
def test_a_black_picture_is_a_picture_in_every_format(kind: str) -> None:
    assert not decode_image(saved(np.zeros((9, 9), np.uint8), kind)).pixels.any()


def run_length_bmp(rows: NDArray[np.uint8], height: int) -> bytes:
    body = b"".join(b"".join(bytes([1, v]) for v in row) + b"\0\0" for row in rows[::-1].tolist()) + b"\0\1"
    palette = b"".join(bytes([level, level, level, 0]) for level in range(256))
    start = 14 + 40 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, rows.shape[1], height, 1, 8, 1, len(body), 0, 0, 256, 256)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + palette + body


def test_run_length_bmp_and_its_missing_rows() -> None:
    np.testing.assert_array_equal(decode_image(run_length_bmp(GRAY, 40)).pixels, GRAY)
    with pytest.raises(CorruptImageError, match="not enough image data"):
        decode_image(run_length_bmp(GRAY, 41))


def test_a_gif_frame_with_missing_rows() -> None:
    data = bytearray(saved(GRAY, "GIF"))
    frame = data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, 56, 40))
    struct.pack_into("<H", data, 8, 50)
    struct.pack_into("<H", data, frame + 7, 50)
    with pytest.raises(CorruptImageError, match="truncated"):
        decode_image(bytes(data))


def test_png_damage_that_pillow_overlooks() -> None:
    data = bytearray(saved(GRAY, "PNG"))
    data[-14] ^= 1  # the last checksum before the end chunk
    with pytest.raises(CorruptImageError, match="checksum"):
        decode_image(bytes(data))


def test_what_a_library_raises_becomes_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(simplejpeg, "decode_jpeg", broken)
    with pytest.raises(
        CorruptImageError, match=r"^the jpeg file cannot be decoded: RuntimeError: first line second"
    ) as e:
        decode_image(saved(SMOOTH, "JPEG"))
    assert isinstance(e.value.__cause__, RuntimeError)


def test_no_memory_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(simplejpeg, "decode_jpeg", greedy)
    with pytest.raises(ImageTooLargeError, match="memory"):
        decode_image(saved(SMOOTH, "JPEG"))


def test_libraries_say_nothing(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    exif = Image.Exif()
    exif[0x0110] = "x"
    with warnings.catch_warnings(), caplog.at_level(logging.DEBUG):
        warnings.simplefilter("error")
        decode_image(saved(SMOOTH, "JPEG", exif=exif.tobytes()[:-3]))
        for bad in (
            forged_png(),
            saved(SMOOTH, "JPEG")[:-200],
            saved(GRAY, "TIFF", compression="tiff_lzw")[:-60],
        ):
            with pytest.raises((CorruptImageError, ImageTooLargeError)):
                decode_image(bad)
    assert capfd.readouterr() == ("", "")


def test_every_format_has_a_decoder() -> None:
    assert set(DECODERS) == set(get_args(ImageFormat))


def digest(pixels: NDArray[Any]) -> bytes:
    return pixel_md5(DecodedImage(pixels=pixels, format="png", bit_depth=8))


def test_pixel_digest() -> None:
    three = np.repeat(GRAY[:, :, None], 3, axis=2)
    assert len(digest(GRAY)) == 16
    assert digest(three) == digest(GRAY) == digest(np.asfortranarray(GRAY))
    assert digest(np.dstack([three, np.full_like(GRAY, 255)])) == digest(GRAY)
    assert digest(GRAY > 99) == digest((GRAY > 99).astype(np.uint8) * 255)
    wide = GRAY.astype(np.uint16)
    assert digest(wide) == digest(wide.astype(">u2"))
    others: list[NDArray[Any]] = [
        GRAY,
        GRAY.T,
        GRAY.reshape(1, -1),
        wide,
        wide.astype(np.int16),
        RGB,
        255 - GRAY,
    ]
    assert len({digest(pixels) for pixels in others}) == len(others)


def test_lossless_files_of_one_picture_have_one_digest() -> None:
    wide = np.repeat(GRAY[:, :, None], 3, axis=2)
    files = [saved(pixels, name) for name in ("PNG", "BMP", "GIF", "TIFF") for pixels in (GRAY, wide)]
    assert len({pixel_md5(decode_image(data)) for data in files}) == 1
