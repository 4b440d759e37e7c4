"""Gatan Digital Micrograph (DM3, DM4): the picture, its calibration, and the microscope's conditions."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.imaging.formats.dm_tags import DmArray, DmValue, read_tags
from pipeline.imaging.formats.limits import check_size
from pipeline.imaging.metadata.lengths import VendorMetadata, length_nm, sized
from pipeline.records import DecodedImage, ImageFormat

_DTYPES: Final = {
    1: "i2",
    2: "f4",
    6: "u1",
    7: "i4",
    9: "i1",
    10: "u2",
    11: "u4",
    12: "f8",
    14: "u1",
    23: "u1",
    8: "u1",
}
_COLOUR_TYPES: Final = frozenset({8, 23})  # blue, green, red, unused
_BINARY_TYPE: Final = 14


def decode_dm3(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode the first picture of a DM3 file that is no thumbnail; see `decode_dm4`."""
    return _decode(data, "dm3", max_pixels)


def decode_dm4(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode the first picture of a DM4 file that is no thumbnail.

    Of a stack the first plane is taken; ``pages`` counts the planes.

    Raises
    ------
    CorruptImageError, UnsupportedImageError, ImageTooLargeError
        Unsupported are spectra and complex pictures (Fourier transforms).
    """
    return _decode(data, "dm4", max_pixels)


def _decode(data: bytes, image_format: ImageFormat, max_pixels: int) -> DecodedImage:
    root = read_tags(data)
    image = _main_image(root)
    shape = _shape(image)
    kind = _lookup(image, "ImageData", "DataType")
    if not isinstance(kind, int) or kind not in _DTYPES:
        raise UnsupportedImageError(f"a Digital Micrograph picture of data type {kind} (complex or packed)")
    channels = 4 if kind in _COLOUR_TYPES else 1
    item_bytes = np.dtype(_DTYPES[kind]).itemsize
    check_size(shape[-1], shape[-2], max_pixels=max_pixels, bytes_per_pixel=item_bytes * channels)
    pixels = _first_plane(image, shape, kind)
    pixel = _pixel_size(image)
    return DecodedImage(
        pixels=pixels,
        format=image_format,
        bit_depth=1 if kind == _BINARY_TYPE else 8 * item_bytes,
        pages=math.prod(shape[:-2]),
        nm_per_px=pixel.nm_per_px,
        metadata={**_conditions(image), **pixel.fields},
    )


def _lookup(tags: DmValue | None, *path: str) -> DmValue | None:
    for name in path:
        if not isinstance(tags, Mapping):
            return None
        tags = tags.get(name)
    return tags


def _main_image(root: Mapping[str, DmValue]) -> DmValue:
    """The first image of the list that is not a thumbnail."""
    images = _lookup(root, "ImageList")
    if not isinstance(images, Mapping):
        raise CorruptImageError("the Digital Micrograph file has no list of images")
    listed = _lookup(root, "Thumbnails")
    thumbnails = {_lookup(t, "ImageIndex") for t in listed.values()} if isinstance(listed, Mapping) else set()
    for index, image in enumerate(images.values()):
        if index not in thumbnails:
            return image
    raise CorruptImageError("the Digital Micrograph file holds nothing but thumbnails")


def _shape(image: DmValue) -> tuple[int, ...]:
    """Planes, rows and columns; Digital Micrograph lists them columns first."""
    dimensions = _lookup(image, "ImageData", "Dimensions")
    values = list(dimensions.values()) if isinstance(dimensions, Mapping) else []
    sizes = [value for value in values if isinstance(value, int) and value > 0]
    if not sizes or len(sizes) != len(values):
        raise CorruptImageError(f"the Digital Micrograph picture states no usable size: {values!r}")
    if len(sizes) == 1 or min(sizes[:2]) == 1:
        raise UnsupportedImageError("a Digital Micrograph spectrum, not a picture")
    return tuple(reversed(sizes))


def _first_plane(image: DmValue, shape: tuple[int, ...], kind: int) -> NDArray[np.generic]:
    stored = _lookup(image, "ImageData", "Data")
    if not isinstance(stored, DmArray):
        raise CorruptImageError("the Digital Micrograph picture has no data")
    dtype = _stored_dtype(stored, kind)
    channels = 4 if kind in _COLOUR_TYPES else 1
    needed = math.prod(shape) * channels * dtype.itemsize
    if len(stored.data) < needed:
        raise CorruptImageError(
            f"truncated: the picture needs {needed:,} bytes of data, there are {len(stored.data):,}"
        )
    n_values = shape[-2] * shape[-1] * channels
    plane = np.frombuffer(stored.data, dtype=dtype, count=n_values).astype(dtype.newbyteorder("="))
    if channels == 4:
        return np.ascontiguousarray(plane.reshape(shape[-2], shape[-1], 4)[:, :, 2::-1])
    pixels = plane.reshape(shape[-2:])
    return pixels != 0 if kind == _BINARY_TYPE else pixels


def _stored_dtype(stored: DmArray, kind: int) -> np.dtype[np.generic]:
    # The array's own type gives the byte order; the picture's type says what the values are.
    order = "<" if stored.dtype is None else stored.dtype[0].replace("|", "<")
    return np.dtype(order + _DTYPES[kind])


def _pixel_size(image: DmValue) -> VendorMetadata:
    return sized(_nm_per_px(image, "0"), _nm_per_px(image, "1"), "Gatan")


def _nm_per_px(image: DmValue, dimension: str) -> float | None:
    calibration = _lookup(image, "ImageData", "Calibrations", "Dimension", dimension)
    scale, units = _lookup(calibration, "Scale"), _text(_lookup(calibration, "Units"))
    return length_nm(repr(scale), units) if isinstance(scale, int | float) else None


def _conditions(image: DmValue) -> dict[str, str]:
    info = ("ImageTags", "Microscope Info")
    found = {
        "vendor": "Gatan",
        "magnification": _text(_lookup(image, *info, "Indicated Magnification")),
        "voltage": _text(_lookup(image, *info, "Voltage")),
        "detector": _text(_lookup(image, "ImageTags", "Acquisition", "Device", "Name")),
    }
    if found["voltage"]:
        found["voltage"] += " V"
    return {key: value for key, value in found.items() if value}


def _text(value: DmValue | None) -> str:
    if isinstance(value, DmArray):
        value = value.text() if value.dtype is not None and value.dtype.endswith("u2") else ""
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(str(value).split()) if isinstance(value, str | int) else ""
