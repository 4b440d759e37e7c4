"""The canonical 8-bit gray picture: no value saturates, no order is lost."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from pipeline.errors import UnsupportedImageError, UsageError
from pipeline.imaging.canonical import drop_empty_channels, resize_square, shrink, signature, to_gray8
from pipeline.records import DecodedImage

RNG = np.random.default_rng(7)
GRAY = RNG.integers(0, 256, (30, 44), dtype=np.uint8)


def gray8(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return to_gray8(DecodedImage(pixels=pixels, format="tiff", bit_depth=8))


def test_uint8_stays() -> None:
    np.testing.assert_array_equal(gray8(GRAY), GRAY)


def test_a_12_bit_ramp_becomes_a_full_8_bit_ramp() -> None:
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    result = gray8(ramp).ravel()
    assert (result[0], result[-1]) == (0, 255)
    assert set(np.unique(result).tolist()) == set(range(256))
    # Neither end is saturated: the outer levels have half as many values as the inner ones, no more.
    assert np.bincount(result)[[0, 1, 254, 255]].tolist() == [9, 16, 16, 9]
    assert bool((np.diff(result.astype(int)) >= 0).all())


@pytest.mark.parametrize("dtype", ["i1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_the_range_of_every_dtype_is_stretched(dtype: str) -> None:
    info: Any = np.iinfo(dtype) if dtype[0] in "iu" else np.finfo(dtype)
    result = gray8(np.array([[info.min, info.max], [info.min, info.max]], dtype=dtype))
    assert result.tolist() == [[0, 255], [0, 255]]
    small = gray8(np.array([[10, 20, 30]], dtype=dtype))
    assert small.tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("dtype", ["i1", "u2", "i2", "u4", "i4", "f4", "f8"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_order_is_kept_and_the_ends_are_reached(dtype: str, data: st.DataObject) -> None:
    options: dict[str, Any] = {} if dtype[0] in "iu" else {"allow_nan": False, "allow_infinity": False}
    values = data.draw(hnp.arrays(dtype, (1, 12), elements=hnp.from_dtype(np.dtype(dtype), **options)))
    result = gray8(values)[0].astype(int)
    order = np.argsort(values[0], kind="stable")
    assert bool((np.diff(result[order]) >= 0).all())
    if values.min() < values.max():
        assert (result.min(), result.max()) == (0, 255)


def test_integers_are_rounded_like_fractions() -> None:
    values = RNG.integers(-5000, 30000, 500)
    low, high = int(values.min()), int(values.max())
    expected = [(2 * 255 * (int(v) - low) + (high - low)) // (2 * (high - low)) for v in values]
    for dtype in (np.int16, np.int32):
        assert gray8(values.astype(dtype)[None])[0].tolist() == expected


def test_constant_empty_and_not_finite_pictures() -> None:
    assert not gray8(np.full((3, 3), 700, np.uint16)).any()
    assert not gray8(np.full((3, 3), 0.5, np.float32)).any()
    assert gray8(np.zeros((0, 3), np.uint16)).shape == (0, 3)
    special = np.array([[np.nan, -np.inf, np.inf, 1.0, 3.0]])
    assert gray8(special).tolist() == [[0, 0, 255, 0, 255]]
    assert gray8(np.array([[np.nan, np.inf]])).tolist() == [[0, 255]]


def test_bits_become_black_and_white() -> None:
    assert gray8(np.array([[True, False]])).tolist() == [[255, 0]]


def test_colours_become_bt601_luma() -> None:
    colours = RNG.integers(0, 256, (70, 9, 3), dtype=np.uint8)
    exact = [[(299 * int(r) + 587 * int(g) + 114 * int(b) + 500) // 1000 for r, g, b in row] for row in colours]
    assert gray8(colours).tolist() == exact
    assert gray8(np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], np.uint8)).tolist() == [[255, 0, 76]]


def test_equal_channels_give_the_channel_and_opaque_alpha_goes() -> None:
    rgb = np.repeat(GRAY[:, :, None], 3, axis=2)
    opaque = np.full_like(GRAY, 255)
    for pixels in (rgb, np.dstack([rgb, opaque]), np.dstack([GRAY, opaque]), GRAY[:, :, None]):
        np.testing.assert_array_equal(gray8(pixels), GRAY)
        np.testing.assert_array_equal(drop_empty_channels(pixels), GRAY)


def test_alpha_is_composed_on_black_or_a_dark_picture_on_white() -> None:
    assert gray8(np.array([[[200, 128], [200, 0], [200, 255]]], np.uint8)).tolist() == [[100, 0, 200]]
    assert gray8(np.array([[[190, 190, 190, 128], [255, 255, 255, 255]]], np.uint8)).tolist() == [[95, 255]]
    assert gray8(np.array([[[0, 255], [0, 0], [200, 0], [10, 255]]], np.uint8)).tolist() == [[0, 255, 255, 10]]
    assert gray8(np.array([[[0.0, 1.0], [0.0, 0.0]]], np.float32)).tolist() == [[0, 255]]
    assert not gray8(np.zeros((4, 4, 4), np.uint8)).any(), "all transparent says nothing"


SPECIMEN = np.random.default_rng(8).normal(2000, 300, (90, 120)).astype(np.uint16)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("value", [0, 65535])
def test_hot_pixels_change_nothing_else(dtype: type, value: int) -> None:
    hot = SPECIMEN.copy()
    hot[[3, 50, 88], [7, 100, 30]] = value
    difference = gray8(hot.astype(dtype)) != gray8(SPECIMEN.astype(dtype))
    assert np.count_nonzero(difference) <= 3


@pytest.mark.parametrize("height", [10, 20])
def test_a_data_bar_far_out_leaves_the_specimen_its_range(height: int) -> None:
    bar = np.full((height, 120), 65535, np.uint16)
    bar[3:6, 10:60] = 0
    result = gray8(np.vstack([SPECIMEN, bar]))
    np.testing.assert_array_equal(result[:90], gray8(SPECIMEN))
    assert np.unique(result[90:]).tolist() == [0, 255]


def test_the_range_reaches_into_the_lower_part() -> None:
    brighter = np.arange(300 * 100, dtype=np.uint16).reshape(300, 100)
    assert len(np.unique(gray8(brighter)[:100])) > 80
    few = np.full((60, 60), 500, np.uint16)
    few[30, 30] = 900
    assert np.unique(gray8(few)).tolist() == [0, 255], "all but one of one value: this one is the picture"


def test_pixels_of_another_kind_are_refused() -> None:
    with pytest.raises(UnsupportedImageError):
        gray8(np.zeros((2, 2), np.complex64))
    with pytest.raises(UnsupportedImageError):
        gray8(np.zeros((2, 2, 5), np.uint8))


def test_shrinking_averages_areas() -> None:
    blocks = np.array([[10, 200], [90, 40]], np.uint8).repeat(12, axis=0).repeat(16, axis=1)
    assert shrink(blocks, width=2, height=2).tolist() == [[10, 200], [90, 40]]
    assert shrink(np.array([[0, 100], [100, 200]], np.uint8), width=1, height=1).tolist() == [[100]]
    assert shrink(np.full((7, 5), 33, np.uint8), width=11, height=3).tolist() == [[33] * 11] * 3


def test_shrink_never_hands_out_its_input() -> None:
    copy = shrink(GRAY, width=44, height=30)
    np.testing.assert_array_equal(copy, GRAY)
    assert not np.shares_memory(copy, GRAY)


def test_the_signature_hardly_moves_with_noise() -> None:
    smooth = shrink(GRAY, width=320, height=240)
    noisy = smooth.copy()
    noisy.ravel()[::33] += 1
    assert signature(smooth).shape == (24, 32)
    assert int(np.abs(signature(smooth).astype(int) - signature(noisy)).max()) <= 1
    assert int(np.abs(signature(smooth).astype(int) - signature(smooth[::-1])).max()) > 50


def test_the_square_for_networks() -> None:
    picture = np.zeros((40, 80), np.uint8)
    picture[:, 20:60] = 100
    picture[30:] = 255
    assert resize_square(picture, size=10).shape == (10, 10)
    cropped = resize_square(picture, size=15, rows=slice(0, 30), fit="crop")
    assert np.unique(cropped).tolist() == [100]
    stretched = resize_square(picture, size=4, rows=slice(0, 30))
    assert stretched.tolist() == [[0, 100, 100, 0]] * 4
    assert resize_square(picture, size=100).shape == (100, 100)


def test_calls_that_make_no_sense() -> None:
    with pytest.raises(UsageError, match="got uint8 of shape"):
        resize_square(GRAY, size=8, rows=slice(50, 60))
    with pytest.raises(UsageError, match="at least 1"):
        resize_square(GRAY, size=0)
    with pytest.raises(UsageError, match="fit"):
        resize_square(GRAY, size=8, fit="pad")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="uint16"):
        signature(GRAY.astype(np.uint16))
