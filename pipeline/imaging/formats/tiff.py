"""TIFF and BigTIFF: the pixels of the largest page, as the file means them."""

import io
import logging
import struct
import zlib
from typing import Any, Final

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.imaging.formats.jpeg import check_supported, decode_strictly, read_header
from pipeline.imaging.formats.limits import check_size
from pipeline.imaging.formats.orientation import TAG, UPRIGHT, upright
from pipeline.imaging.formats.palette import apply_palette
from pipeline.imaging.formats.tiff_directory import TiffPage, read_directories
from pipeline.imaging.formats.tiff_layout import (
    JPEG_COMPRESSION,
    NO_COMPRESSION,
    TiffLayout,
    check_segments,
    page_size,
    read_layout,
)
from pipeline.imaging.metadata.lengths import plausible_nm
from pipeline.imaging.metadata.vendor import MAKERS_TAGS, VENDOR_TAGS, vendor_metadata
from pipeline.records import DecodedImage

# Only compressions whose decoders were seen to notice damage, or which a check here covers (JPEG).
_COMPRESSIONS: Final = {
    NO_COMPRESSION: "none", 5: "LZW", JPEG_COMPRESSION: "JPEG", 8: "Deflate", 32946: "Deflate",
    32773: "PackBits", 34925: "LZMA", 50000: "Zstandard",
}  # fmt: skip
# Named in a refusal. Decoders of the fax codes were seen to fill in what is damaged without a word.
_REFUSED_COMPRESSIONS: Final = {
    2: "CCITT fax coding (modified Huffman)", 3: "CCITT fax coding (Group 3)", 4: "CCITT fax coding (Group 4)",
    6: "old-style JPEG", 9: "JBIG", 10: "JBIG", 32766: "NeXT", 32809: "ThunderScan", 33003: "JPEG 2000",
    33005: "JPEG 2000", 34661: "JBIG", 34676: "SGI LogLuv", 34677: "SGI LogLuv", 34712: "JPEG 2000",
    34887: "LERC", 34892: "lossy JPEG", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_PHOTOMETRIC_SAMPLES: Final = {
    _WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3,
}  # fmt: skip
_REFUSED_PHOTOMETRICS: Final = {
    4: "transparency mask", 8: "CIE L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*", 32803: "raw camera colours (CFA)",
    32844: "SGI LogL", 32845: "SGI LogLuv", 34892: "linear raw camera colours",
}  # fmt: skip
_OLYMPUS_TAG: Final = 33560
_SPARE_BYTES: Final = 1 << 20  # of a strip that inflates to more than it should
_REDUCED: Final = 1  # of the tag NewSubfileType
_PREMULTIPLIED_ALPHA, _ALPHA = 1, 2

# tifffile logs what it forgives; all that matters here is checked before it sees the file.
logging.getLogger("tifffile").addHandler(logging.NullHandler())
logging.getLogger("tifffile").propagate = False


def decode_tiff(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode the largest page of a TIFF file, the first of several equally large.

    "White is zero" is inverted, planes become channels, palettes are resolved by
    `pipeline.imaging.formats.palette.apply_palette`, cyan, magenta, yellow and black become red, green and blue without
    a colour profile, samples that are neither colour nor alpha are dropped, and so is premultiplied alpha (which
    composes on black). Gray of 2 and 4 bits is spread over 0..255. The Orientation tag is applied.

    Raises
    ------
    CorruptImageError, UnsupportedImageError, ImageTooLargeError
    """
    pages = read_directories(data)
    index = _largest_page(pages)
    page = pages[index]
    if page.integer(254, 0) & _REDUCED and 330 in page.tags:
        raise UnsupportedImageError("a TIFF whose full picture lies in a SubIFD, behind a reduced one")
    width, height = page_size(page)
    check_size(width, height, max_pixels=max_pixels)
    layout = read_layout(page)
    check_size(width, height, max_pixels=max_pixels, bytes_per_pixel=layout.bytes_per_pixel)
    _check_supported(layout)
    check_segments(layout, data)
    tags = _metadata_tags(page, pages[0])
    vendor = vendor_metadata(tags, width=width, height=height, byte_order=page.byte_order)
    samples = _decode_samples(layout, data, page, index)
    return DecodedImage(
        pixels=upright(
            _as_meant(samples, layout, page, from_microscope=any(number in tags for number in MAKERS_TAGS)),
            page.integer(TAG, UPRIGHT),
        ),
        format="tiff",
        bit_depth=layout.bits,
        pages=len(pages),
        nm_per_px=_olympus_nm(page, data, index) if vendor.nm_per_px is None else vendor.nm_per_px,
        metadata=vendor.fields,
    )


def _metadata_tags(page: TiffPage, first: TiffPage) -> dict[int, bytes]:
    """What may state a pixel size; of the tags that no microscope alone writes, those that are whole."""
    tags = {number: value for number in MAKERS_TAGS if (value := page.raw(number) or first.raw(number))}
    for number in VENDOR_TAGS:
        if number in tags or number in MAKERS_TAGS:
            continue
        try:
            value = page.raw(number)
        except CorruptImageError:  # a damaged description leaves the pixels as they are
            continue
        if value:
            tags[number] = value
    return tags


def _olympus_nm(page: TiffPage, data: bytes, index: int) -> float | None:
    """The pixel size in the tag of Olympus SIS, whose layout tifffile knows; None without one that it understands."""
    if _OLYMPUS_TAG not in page.tags:
        return None
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            found = file.pages[index].aspage().tags[_OLYMPUS_TAG].value
            return plausible_nm(float(found["pixelsizex"]) * 1e9)
    except (tifffile.TiffFileError, struct.error, ValueError, TypeError, KeyError):
        return None


def _largest_page(pages: list[TiffPage]) -> int:
    areas = [width * height for width, height in map(page_size, pages)]
    return areas.index(max(areas))


def _check_supported(layout: TiffLayout) -> None:
    if layout.compression not in _COMPRESSIONS:
        name = _REFUSED_COMPRESSIONS.get(layout.compression, "a compression")
        raise UnsupportedImageError(
            f"a TIFF of {name} (code {layout.compression}); read are "
            + ", ".join(dict.fromkeys(_COMPRESSIONS.values()))
        )
    needed = _PHOTOMETRIC_SAMPLES.get(layout.photometric)
    if needed is None:
        name = _REFUSED_PHOTOMETRICS.get(layout.photometric, "a photometric interpretation")
        raise UnsupportedImageError(
            f"a TIFF of {name} (code {layout.photometric}); gray, RGB, CMYK and palette are read"
        )
    if layout.photometric == _CMYK and (layout.bits != 8 or layout.compression == JPEG_COMPRESSION):
        raise UnsupportedImageError("a CMYK TIFF of JPEG compression or of other than 8 bits a sample")
    if layout.photometric == _YCBCR and layout.compression != JPEG_COMPRESSION:
        raise UnsupportedImageError("a TIFF of YCbCr colours without JPEG compression")
    if layout.samples < needed:
        raise CorruptImageError(f"the TIFF states {layout.samples} samples a pixel where {needed} are needed")
    if layout.sample_format not in (1, 2, 3, 4):
        raise UnsupportedImageError("a TIFF of complex numbers")
    if layout.sample_format != 3 and layout.bits > 32:
        raise UnsupportedImageError(f"a TIFF of {layout.bits}-bit integers; up to 32 are read")
    if layout.compression == JPEG_COMPRESSION and layout.bits != 8:
        raise UnsupportedImageError(f"a TIFF of JPEG compression with {layout.bits} bits a sample; 8 are read")


def _decode_samples(layout: TiffLayout, data: bytes, page: TiffPage, index: int) -> NDArray[np.generic]:
    """Stored samples, [height, width] or [height, width, samples], in native byte order."""
    if _is_plain(layout):
        return _plain_samples(layout, data, page.byte_order)
    if layout.compression == JPEG_COMPRESSION:
        _check_jpeg_segments(layout, data, page)
    return _tifffile_samples(layout, data, index)


def _is_plain(layout: TiffLayout) -> bool:
    return (
        layout.compression == NO_COMPRESSION
        and layout.tile is None
        and not layout.planar
        and layout.fill_order == 1
        and layout.predictor == 1
        and layout.bits in (8, 16, 32, 64)
    )


def _plain_samples(layout: TiffLayout, data: bytes, byte_order: str) -> NDArray[np.generic]:
    """Fast path for what most microscopes write: uncompressed strips of whole bytes."""
    kind = {1: "u", 2: "i", 3: "f", 4: "u"}[layout.sample_format]
    if kind == "f" and layout.bits == 8:
        raise UnsupportedImageError("a TIFF of 8-bit floating point numbers")
    dtype = np.dtype(f"{byte_order}{kind}{layout.bits // 8}")
    view = memoryview(data)
    strips = []
    for segment in range(layout.n_segments):
        start = int(layout.offsets[segment])
        strips.append(view[start : start + layout.strip_rows(segment) * layout.row_bytes])
    flat = np.frombuffer(b"".join(strips) if len(strips) > 1 else strips[0], dtype=dtype)
    shape = (layout.height, layout.width, layout.samples)[: 2 if layout.samples == 1 else 3]
    return _records_dtype(flat.reshape(shape).astype(dtype.newbyteorder("=")))


def _tifffile_samples(layout: TiffLayout, data: bytes, index: int) -> NDArray[np.generic]:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[index]
        try:
            pixels = np.asarray(page.asarray(maxworkers=1))
        except imagecodecs.DeflateError:
            pixels = _deflated_strips(page, layout, data)
    planes = (layout.samples, layout.height, layout.width)
    if layout.planar and pixels.shape == planes:
        pixels = np.ascontiguousarray(np.moveaxis(pixels, 0, -1))
    expected = (layout.height, layout.width, layout.samples)[: 2 if layout.samples == 1 else 3]
    if pixels.shape != expected:
        raise CorruptImageError(f"the TIFF decodes to an array of shape {pixels.shape}, expected {expected}")
    return pixels.astype(np.bool_) if layout.bits == 1 else _records_dtype(pixels)


def _deflated_strips(page: Any, layout: TiffLayout, data: bytes) -> NDArray[np.generic]:
    """Strips that inflate to more rows than they should have, as some writers leave a whole last one: cut off.

    Raises
    ------
    CorruptImageError
        A strip is damaged or too short.
    """
    if layout.tile is not None or layout.planar:
        raise CorruptImageError("the TIFF's Deflate data are damaged")
    strips = []
    for segment in range(layout.n_segments):
        start, needed = int(layout.offsets[segment]), layout.strip_rows(segment) * layout.row_bytes
        inflate = zlib.decompressobj()
        try:
            whole = inflate.decompress(
                data[start : start + int(layout.byte_counts[segment])], 2 * needed + _SPARE_BYTES
            )
        except zlib.error as error:
            raise CorruptImageError(f"the TIFF's strip {segment} is damaged: {error}") from error
        if not inflate.eof or len(whole) < needed:
            raise CorruptImageError(f"the TIFF's strip {segment} has {len(whole):,} bytes where {needed:,} are needed")
        strips.append(page.decode(zlib.compress(whole[:needed], 1), segment)[0])
    pixels = np.concatenate(strips, axis=1)
    return pixels.reshape(layout.height, layout.width, layout.samples).squeeze(2 if layout.samples == 1 else ())


def _records_dtype(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    return pixels.astype(np.float32) if pixels.dtype == np.float16 else pixels


def _check_jpeg_segments(layout: TiffLayout, data: bytes, page: TiffPage) -> None:
    """Decode each JPEG strip or tile strictly: the library that assembles them is silent about damage."""
    tables = page.raw(347) or b""
    most = layout.tile or (layout.width, layout.rows_per_strip)
    for offset, count in zip(layout.offsets, layout.byte_counts, strict=False):
        segment = data[int(offset) : int(offset) + int(count)]
        stream = tables[:-2] + segment[2:] if len(tables) > 4 else segment
        header = read_header(stream)
        if header.width > most[0] or header.height > most[1]:
            raise CorruptImageError(
                f"a JPEG piece of the TIFF states {header.width} x {header.height} pixels, at most {most} fit"
            )
        check_supported(header)
        decode_strictly(stream, header)


def _as_meant(
    samples: NDArray[Any], layout: TiffLayout, page: TiffPage, *, from_microscope: bool
) -> NDArray[np.generic]:
    """Turn stored samples into the picture's values: larger is brighter, channels are gray, RGB or RGBA."""
    if layout.samples > 1:
        samples = _without_extra_samples(samples, layout)
    if layout.photometric == _CMYK:
        return _from_inks(samples)
    if layout.photometric == _PALETTE:
        return apply_palette(_as_index(samples), _read_palette(page, layout.bits), from_microscope=from_microscope)
    if layout.bits in (2, 4) and samples.dtype == np.uint8:
        samples = samples * np.uint8(255 // (2**layout.bits - 1))
    if layout.photometric == _WHITE_IS_ZERO:
        return _invert(samples, 8 if layout.bits < 8 else layout.bits)
    return samples


def _without_extra_samples(samples: NDArray[np.generic], layout: TiffLayout) -> NDArray[np.generic]:
    colours = _PHOTOMETRIC_SAMPLES[layout.photometric]
    has_alpha = layout.photometric != _PALETTE and layout.extra_samples[:1] == (_ALPHA,)
    kept = samples[:, :, : colours + has_alpha]
    return np.ascontiguousarray(kept[:, :, 0] if kept.shape[2] == 1 else kept)


def _from_inks(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Red, green and blue of cyan, magenta, yellow and black: (255 - ink) (255 - black) / 255, rounded half up."""
    light = 255 - samples.astype(np.uint16)
    products = light[:, :, :3].astype(np.uint32) * light[:, :, 3:4]
    return ((2 * products + 255) // 510).astype(np.uint8)


def _as_index(samples: NDArray[Any]) -> NDArray[np.integer]:
    if samples.dtype == np.bool_:
        return samples.astype(np.uint8)
    if not np.issubdtype(samples.dtype, np.unsignedinteger):
        raise CorruptImageError(f"a palette TIFF whose samples are {samples.dtype}, not unsigned integers")
    return samples


def _read_palette(page: TiffPage, bits: int) -> NDArray[np.uint8]:
    entries = page.integers(320)
    if entries is None or bits > 16 or entries.size != 3 * 2**bits:
        found = "none" if entries is None else f"{entries.size} values"
        raise CorruptImageError(f"a palette TIFF of {bits} bits needs {3 * 2**bits} palette values; found {found}")
    # Values are 16-bit by the specification, but some writers store 8-bit ones.
    scaled = entries if int(entries.max()) < 256 else entries >> 8
    return np.ascontiguousarray(scaled.reshape(3, -1).T.astype(np.uint8))


def _invert(samples: NDArray[Any], bits: int) -> NDArray[np.generic]:
    """Invert "white is zero": 2^bits - 1 - v, for signed integers -1 - v, for floats min + max - v."""
    if samples.dtype == np.bool_ or np.issubdtype(samples.dtype, np.signedinteger):
        return np.asarray(np.invert(samples))
    if np.issubdtype(samples.dtype, np.unsignedinteger):
        return np.asarray(samples.dtype.type(2**bits - 1) - samples)
    finite = samples[np.isfinite(samples)]
    if finite.size == 0:
        return samples
    return np.asarray(finite.min() + finite.max() - samples, dtype=samples.dtype)
