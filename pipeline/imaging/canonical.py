"""One 8-bit gray picture of whatever was decoded, and its small versions."""

from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UnsupportedImageError, UsageError
from pipeline.records import DecodedImage

SIGNATURE_SHAPE: Final = (24, 32)
"""Rows and columns of `signature`."""

GRAY_BITS: Final = 8
"""Bits a sample of the canonical picture; a file of more is not told by it alone."""

SQUARE_PX: Final = 16
"""Rows and columns of `signature_square`."""

_OUTSIDE: Final = 1000  # one value of so many may lie beyond either end of the middle ones
_BLOCK_ROWS: Final = 32  # a block of rows with its wide copies stays in the cache
_SPARSE_ROWS: Final = 64  # enough to tell most colour pictures from gray ones at once
_LUMA_R, _LUMA_G, _LUMA_B = 299, 587, 114  # thousandths, ITU-R BT.601


def drop_empty_channels(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Remove channels that carry nothing: opaque alpha, and colours of which all three are equal.

    Parameters
    ----------
    pixels : [height, width] or [height, width, 1 to 4]
        One channel is gray, two gray and alpha, three RGB, four RGB and alpha.

    Returns
    -------
    ndarray of the same dtype
        [height, width] whenever the picture is gray; alpha stays where it is not opaque.
    """
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4) and bool((pixels[:, :, -1] == _opaque(pixels)).all()):
        pixels = pixels[:, :, :-1]
    if pixels.ndim == 3 and pixels.shape[2] == 4 and _is_gray(pixels):
        pixels = pixels[:, :, 2:]
    if pixels.ndim == 3 and (pixels.shape[2] == 1 or (pixels.shape[2] == 3 and _is_gray(pixels))):
        pixels = pixels[:, :, 0]
    return pixels


def _opaque(pixels: NDArray[Any]) -> float | int:
    return int(np.iinfo(pixels.dtype).max) if np.issubdtype(pixels.dtype, np.integer) else 1.0


def _is_gray(pixels: NDArray[np.generic]) -> bool:
    sparse = pixels[::_SPARSE_ROWS]
    if not _channels_equal(sparse[:, :, 0], sparse[:, :, 1], sparse[:, :, 2]):
        return False
    red, green, blue = _split(pixels)[:3]
    return _channels_equal(red, green, blue)


def _channels_equal(red: NDArray[np.generic], green: NDArray[np.generic], blue: NDArray[np.generic]) -> bool:
    return np.array_equal(red, green) and np.array_equal(green, blue)


def _split(pixels: NDArray[Any]) -> list[NDArray[np.generic]]:
    """Channels as contiguous arrays, on which all that follows is several times faster."""
    if pixels.dtype in (np.uint8, np.uint16) and pixels.size:
        return [np.asarray(channel) for channel in cv2.split(pixels)]
    return [np.ascontiguousarray(pixels[:, :, channel]) for channel in range(pixels.shape[2])]


def to_gray8(image: DecodedImage) -> NDArray[np.uint8]:
    """The canonical 8-bit gray picture.

    The rule, in this order:

    1. An opaque alpha channel is dropped. Any other composes the picture on black, or on white where what is opaque is
       darker than half the range in the mean: a drawing stays visible (each channel rounded half up).
    2. RGB with equal channels becomes that channel; other RGB becomes ITU-R BT.601 luma,
       ``(299 R + 587 G + 114 B) / 1000``, rounded half up in integers.
    3. uint8 stays as it is; bool becomes 0 and 255.
    4. Everything else maps linearly from its `gray_range` to [0, 255], rounded half up; values beyond become 0 and 255.
       Floats take the range of their finite values; minus infinity becomes 0, plus infinity 255, NaN 0. A constant
       picture becomes 0 throughout.

    Parameters
    ----------
    image : DecodedImage

    Returns
    -------
    uint8 [height, width]

    Raises
    ------
    UnsupportedImageError
        The pixels have a shape or dtype that `DecodedImage` does not promise.
    """
    gray = _luma(_on_ground(drop_empty_channels(image.pixels)))
    if gray.ndim != 2:
        raise UnsupportedImageError(f"pixels of shape {image.pixels.shape} are neither gray nor colours")
    if gray.dtype == np.uint8:
        return np.ascontiguousarray(gray)
    if gray.dtype == np.bool_:
        return np.where(gray, np.uint8(255), np.uint8(0))
    if np.issubdtype(gray.dtype, np.integer) and gray.dtype.itemsize <= 4:
        return _stretch_integers(gray)
    if np.issubdtype(gray.dtype, np.floating):
        return _stretch_floats(gray.astype(np.float64))
    raise UnsupportedImageError(f"pixels of type {gray.dtype}")


def _on_ground(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Without its alpha channel: composed on black, or on white if it is dark."""
    if pixels.ndim != 3 or pixels.shape[2] not in (2, 4):
        return pixels
    colours, alpha = pixels[:, :, :-1], pixels[:, :, -1:]
    if np.issubdtype(pixels.dtype, np.floating):
        share = np.clip(alpha.astype(np.float64), 0.0, 1.0)
        products: NDArray[Any] = colours.astype(np.float64) * share
        composed: NDArray[Any] = products + (1.0 - share) * _is_dark(products, share, 1)
    else:
        opaque = int(_opaque(pixels))
        whole = np.maximum(alpha.astype(np.int64), 0)
        products = colours.astype(np.int64) * whole
        products += (opaque - whole) * opaque * _is_dark(products, whole, opaque)
        composed = ((2 * products + opaque) // (2 * opaque)).astype(pixels.dtype)
    return composed[:, :, 0] if composed.shape[2] == 1 else composed


def _is_dark(products: NDArray[np.generic], alpha: NDArray[np.generic], opaque: int) -> bool:
    """Whether the mean of all channels, weighted by alpha, is under half the range."""
    weight = float(alpha.sum(dtype=np.float64)) * products.shape[2]
    return bool(weight > 0 and float(products.sum(dtype=np.float64)) < opaque / 2 * weight)


def _luma(pixels: NDArray[np.generic]) -> NDArray[Any]:
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        return pixels
    if np.issubdtype(pixels.dtype, np.floating):
        return pixels.astype(np.float64) @ (np.array([_LUMA_R, _LUMA_G, _LUMA_B]) / 1000.0)
    luma = np.empty(pixels.shape[:2], dtype=pixels.dtype)
    for top in range(0, len(pixels), _BLOCK_ROWS):
        luma[top : top + _BLOCK_ROWS] = _luma_of_integers(pixels[top : top + _BLOCK_ROWS])
    return luma


def _luma_of_integers(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    wide = np.dtype(np.uint32 if pixels.dtype == np.uint8 else np.int64)
    red, green, blue = (channel.astype(wide) for channel in _split(pixels))
    total: NDArray[np.generic] = red * _LUMA_R + green * _LUMA_G + blue * _LUMA_B + 500
    return np.asarray(total // 1000)


def gray_range(gray: NDArray[np.generic]) -> tuple[Any, Any]:
    """The values that become black and white: the lowest and the highest of the picture, without what lies far out.

    Far out is what lies beyond the middle 998 of 1,000 values of the upper four fifths (the data bar is below them) by
    more than half as much as these are wide: hot pixels, spikes, a data bar of 65,535 under 12 bits. A picture with
    such things and the same without have one range.

    Parameters
    ----------
    gray : ndarray of numbers, [rows, columns]
        Infinite values and NaN are left out.

    Returns
    -------
    (lowest, highest)
        Two equal values if the picture is constant, empty, or of no finite value.
    """
    values = _finite(gray)
    middle = _finite(gray[: max(1, 4 * len(gray) // 5)])
    if not middle.size:
        middle = values
    if not values.size:
        return gray.dtype.type(0), gray.dtype.type(0)
    cut = middle.size // _OUTSIDE
    ordered = np.partition(middle, (cut, middle.size - 1 - cut))
    low, high = ordered[cut].item(), ordered[middle.size - 1 - cut].item()
    if low == high:  # all but a few are of one value: these few are the picture
        return values.min(), values.max()
    reach = (high - low) / 2
    near = values[(values >= low - reach) & (values <= high + reach)]
    return near.min(), near.max()


def _finite(gray: NDArray[np.generic]) -> NDArray[np.generic]:
    values = gray.ravel()
    return values[np.isfinite(values)] if np.issubdtype(values.dtype, np.floating) else values


def _stretch_integers(gray: NDArray[np.integer]) -> NDArray[np.uint8]:
    low, high = map(int, gray_range(gray))
    if high <= low:
        return np.zeros(gray.shape, dtype=np.uint8)
    inside = np.clip(gray, low, high)
    if gray.dtype.itemsize <= 2:
        # A table of the values that occur is many times faster than arithmetic on every pixel.
        table = _stretch_exactly(np.arange(low, high + 1, dtype=np.int64), low, high)
        return np.asarray(table[inside.astype(np.int32) - low])
    return _stretch_exactly(inside.astype(np.int64), low, high)


def _stretch_exactly(values: NDArray[np.int64], low: int, high: int) -> NDArray[np.uint8]:
    """Round half up without floats: ``(v - low) * 255 / (high - low) + 1/2``, floored."""
    span = high - low
    return np.asarray(((values - low) * 510 + span) // (2 * span), dtype=np.uint8)


def _stretch_floats(gray: NDArray[np.float64]) -> NDArray[np.uint8]:
    finite = np.isfinite(gray)
    result = np.where(gray == np.inf, np.uint8(255), np.uint8(0))
    if not finite.any():
        return result
    values = gray[finite]
    # Scaled by a power of two, which is exact, so that the span neither overflows nor vanishes.
    exponent = int(np.frexp(np.abs(values).max())[1])
    scaled = np.ldexp(np.ldexp(values, -(exponent // 2)), -(exponent - exponent // 2))
    whole = np.full(gray.shape, np.nan)
    whole[finite] = scaled
    low, high = gray_range(whole)
    if high > low:
        result[finite] = np.floor((np.clip(scaled, low, high) - low) / (high - low) * 255.0 + 0.5).astype(np.uint8)
    return result


def shrink(gray: NDArray[np.uint8], *, width: int, height: int) -> NDArray[np.uint8]:
    """Resize by area averaging; an axis that has to grow is interpolated linearly.

    Parameters
    ----------
    gray : uint8 [rows, columns], not empty
    width, height : int
        Wanted size in pixels, at least 1.

    Returns
    -------
    uint8 [height, width]

    Raises
    ------
    UsageError
        The picture is empty, not 2-D uint8, or the wanted size is.
    """
    if gray.ndim != 2 or gray.dtype != np.uint8 or gray.size == 0:
        raise UsageError(f"expected a picture, uint8 [rows, columns]; got {gray.dtype} of shape {gray.shape}")
    if width < 1 or height < 1:
        raise UsageError(f"a picture cannot be resized to {width} x {height} pixels; both must be at least 1")
    smaller = (min(width, gray.shape[1]), min(height, gray.shape[0]))
    resized = np.ascontiguousarray(gray)
    if smaller != (gray.shape[1], gray.shape[0]):
        resized = cv2.resize(resized, smaller, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if smaller != (width, height):
        # Linear and not cubic: cubic overshoots beside edges and makes values that the picture has not.
        resized = cv2.resize(resized, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return np.asarray(resized, dtype=np.uint8).copy() if resized is gray else np.asarray(resized, dtype=np.uint8)


def signature(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Small version of a picture, by which near duplicates are found.

    Two encodings of one picture differ by a few gray levels in each of its cells; different pictures by tens
    of levels in some.

    Parameters
    ----------
    gray : uint8 [rows, columns], not empty

    Returns
    -------
    uint8 [24, 32]
    """
    height, width = SIGNATURE_SHAPE
    return shrink(gray, width=width, height=height)


def signature_square(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Small version of the whole picture, stretched to a square, by which turned and mirrored copies are found.

    Parameters
    ----------
    gray : uint8 [rows, columns], not empty

    Returns
    -------
    uint8 [16, 16]
    """
    return shrink(gray, width=SQUARE_PX, height=SQUARE_PX)


def upper_part(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Rows from the top to half the width (all of a lower picture): the same specimen with a data bar and without.

    Parameters
    ----------
    gray : uint8 [rows, columns]
    """
    return gray[: max(1, gray.shape[1] // 2)]


def resize_square(
    gray: NDArray[np.uint8],
    *,
    size: int,
    rows: slice | None = None,
    fit: Literal["stretch", "crop"] = "stretch",
) -> NDArray[np.uint8]:
    """The square picture that a network gets.

    Parameters
    ----------
    gray : uint8 [rows, columns]
    size : int
        Wanted width and height in pixels.
    rows : slice, optional
        Only these rows, e.g. ``slice(0, bar_top_px)`` to leave the data bar out. All by default.
    fit : {"stretch", "crop"}
        ``stretch`` changes the aspect ratio and keeps all of the picture; ``crop`` keeps the ratio and takes
        the largest centred square (of an odd surplus, one pixel less is cut at the top or left).

    Returns
    -------
    uint8 [size, size]

    Raises
    ------
    UsageError
        The rows select nothing, ``size`` is below 1, or ``fit`` is unknown.
    """
    selected = gray if rows is None else gray[rows]
    if fit == "crop" and selected.ndim == 2:
        side = min(selected.shape)
        top, left = (selected.shape[0] - side) // 2, (selected.shape[1] - side) // 2
        selected = selected[top : top + side, left : left + side]
    elif fit not in ("stretch", "crop"):
        raise UsageError(f"fit must be 'stretch' or 'crop', not {fit!r}")
    return shrink(selected, width=size, height=size)
