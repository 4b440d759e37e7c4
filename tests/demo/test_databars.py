"""Data bars measured on their pixels, by code that knows nothing of how they are drawn."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.demo.databars import DataBar, Vendor, draw_bar, length_text

_GRAY = 100

_SIZES = [(1024, 768), (512, 384), (1280, 960)]


def _bar(vendor: Vendor, length_px: int, *, dark: bool = True, on_picture: bool = False) -> DataBar:
    return DataBar(
        vendor=vendor,
        text=length_text(2000, vendor),
        scale_nm=2000,
        length_px=length_px,
        dark=dark,
        on_picture=on_picture,
        raised_px=3,
        at_right=False,
        kilovolts=5.0,
        working_distance_mm=4.2,
        detector="SE2",
        date="7 Jul 2014",
    )


def _drawn(bar: DataBar, size: tuple[int, int]) -> NDArray[np.uint8 | np.uint16]:
    width, height = size
    return draw_bar(np.full((height, width), _GRAY, np.uint8), bar)


def _runs(line: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Start and end (one past) of each run of True, [n, 2]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def _tick_columns(picture: NDArray[np.uint8 | np.uint16], foreground: int) -> list[int]:
    """Columns that hold a vertical run of foreground of 8 to 30 pixels, as ticks do and letters do not."""
    columns = []
    for x in range(picture.shape[1]):
        lengths = [stop - start for start, stop in _runs(picture[:, x] == foreground)]
        if any(7 <= length <= 30 for length in lengths):
            columns.append(x)
    return columns


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("on_picture", [False, True])
def test_a_solid_bar_is_as_wide_as_it_says(size: tuple[int, int], on_picture: bool) -> None:
    picture = _drawn(_bar("jeol", 97, on_picture=on_picture), size)
    longest = max(int(stop - start) for line in picture for start, stop in _runs(line == 255))
    assert longest == 97


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("on_picture", [False, True])
def test_a_ruler_spans_ten_equal_parts(size: tuple[int, int], on_picture: bool) -> None:
    picture = _drawn(_bar("hitachi", 120, on_picture=on_picture), size)
    starts = [start for start, _ in max((_runs(line == 255) for line in picture), key=_evenness)]
    assert np.diff(starts).tolist() == [12] * 10


def _evenness(runs: NDArray[np.int64]) -> int:
    """1 for eleven equal runs, else 0."""
    return int(len(runs) == 11 and len(set((runs[:, 1] - runs[:, 0]).tolist())) == 1)


@pytest.mark.parametrize("size", _SIZES)
def test_a_bracket_is_as_long_as_it_says_and_its_label_stands_inside(size: tuple[int, int]) -> None:
    picture = _drawn(_bar("fei", 170), size)
    width, height = size
    middle = height - max(36, round(59 * width / 1024)) // 2 - (max(36, round(59 * width / 1024)) % 2)
    line = max((picture[y] for y in range(middle - 2, middle + 3)), key=lambda row: int((row == 255).sum()))
    runs = [run for run in _runs(line == 255) if run[1] - run[0] > 15]
    assert len(runs) == 2
    thick = 1 if width < 700 else 2
    assert runs[1][1] - runs[0][0] - thick == 170
    assert (picture[:, runs[0][1] : runs[1][0]] == 255).any()


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("vendor", ["zeiss", "tescan"])
@pytest.mark.parametrize("dark", [False, True])
def test_a_line_is_as_long_as_it_says(size: tuple[int, int], vendor: Vendor, dark: bool) -> None:
    picture = _drawn(_bar(vendor, 141, dark=dark), size)
    foreground = 255 if dark else 0
    thick = 1 if size[0] < 700 else 2
    lengths = {int(stop - start) for line in picture for start, stop in _runs(line == foreground)}
    assert 141 + thick in lengths
    columns = _tick_columns(picture, foreground)
    assert any(column + 141 in columns for column in columns)


def test_a_zeiss_stripe_touches_no_edge() -> None:
    picture = _drawn(_bar("zeiss", 120), (1024, 768))
    assert (picture[-3:] == _GRAY).all()
    assert (picture[:, :2] == _GRAY).all()
    assert (picture[:, -2:] == _GRAY).all()
    assert (picture[-40] != _GRAY).mean() > 0.99


def test_twelve_bits_keep_their_picture_and_get_a_white_bar() -> None:
    ramp = np.tile(np.arange(1024, dtype=np.uint16) * 4, (768, 1))
    picture = draw_bar(ramp, _bar("zeiss", 120))
    assert picture.dtype == np.uint16
    assert picture.max() == 4095
    assert np.array_equal(picture[:600], ramp[:600])


@pytest.mark.parametrize(
    ("nm", "vendor", "text"),
    [
        (1, "zeiss", "1 nm"),
        (200, "fei", "200 nm"),
        (1e3, "tescan", "1 µm"),
        (1e6, "zeiss", "1 mm"),
        (10e3, "jeol", "10µm"),
        (1e3, "hitachi", "1.00um"),
        (50e3, "hitachi", "50.0um"),
        (500, "hitachi", "500nm"),
        (1e6, "hitachi", "1.00mm"),
    ],
)
def test_lengths_are_spelt_as_the_vendor_does(nm: float, vendor: Vendor, text: str) -> None:
    assert length_text(nm, vendor) == text


def test_the_magnification_follows_from_the_scale() -> None:
    # A real Zeiss picture: 2 um over 54 px of 1024 at 10.00 K X.
    bar = _bar("zeiss", 54)
    assert bar.magnification(1024) == pytest.approx(10_000, rel=0.02)
