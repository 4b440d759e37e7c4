"""Pixel sizes from vendor tags, and the traps in them."""

import pytest

from pipeline.imaging.metadata.vendor import (
    FEI_HELIOS_TAG,
    FEI_SFEG_TAG,
    TESCAN_TAG,
    ZEISS_TAG,
    vendor_metadata,
)

ZEISS_NUMBERS = "0\r\n0\r\n0\r\n1.000000e-08\r\n2.0e+03\r\n"


def _zeiss_nm(text: str, width: int) -> float | None:
    return vendor_metadata({ZEISS_TAG: text.encode("cp1252")}, width=width).nm_per_px


@pytest.mark.parametrize("width", [512, 1024, 2048])
def test_zeiss_own_pixel_size_does_not_depend_on_the_width(width: int) -> None:
    text = (
        ZEISS_NUMBERS
        + "AP_PIXEL_SIZE\r\nPixel Size = 10.0 nm\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 55.82 nm\r\n"
    )
    assert _zeiss_nm(text, width) == pytest.approx(55.82)


@pytest.mark.parametrize(("width", "expected"), [(512, 20.0), (1024, 10.0), (2048, 5.0)])
@pytest.mark.parametrize(
    "text",
    [
        ZEISS_NUMBERS + "AP_WIDTH\r\nWidth = 10.24 µm\r\n",
        ZEISS_NUMBERS + "AP_PIXEL_SIZE\r\nPixel Size = 10.00 nm\r\n",
        ZEISS_NUMBERS,
    ],
)
def test_zeiss_other_statements_are_for_the_width_or_1024_pixels(text: str, width: int, expected: float) -> None:
    assert _zeiss_nm(text, width) == pytest.approx(expected)


def test_zeiss_fields_and_units() -> None:
    text = (
        "AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 1,5 µm\r\nAP_FIB_MAG\r\nMag = 9 X\r\n"
        "AP_MAG\r\nMag =    2.00 K X\r\nDP_DETECTOR_TYPE\r\nDetector = SE2\r\n"
        "AP_ACTUALKV\r\nEHT =  8.00 kV\r\n"
        "SV_USER_NAME\r\nUser Name = SOMEBODY\r\n"
    )
    found = vendor_metadata({ZEISS_TAG: text.encode("cp1252")}, width=1024)
    assert found.nm_per_px == pytest.approx(1500.0)
    assert found.fields == {
        "vendor": "Zeiss",
        "magnification": "2.00 K X",
        "detector": "SE2",
        "voltage": "8.00 kV",
    }


@pytest.mark.parametrize("value", ["0.0 nm", "nan nm", "55.82 parsecs", "", "-3 nm", "1e99 m"])
def test_an_implausible_size_is_none(value: str) -> None:
    assert _zeiss_nm(f"AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = {value}\r\n", 1024) is None


@pytest.mark.parametrize("tag", [FEI_SFEG_TAG, FEI_HELIOS_TAG])
def test_fei(tag: int) -> None:
    text = (
        "[User]\r\nUser=somebody\r\nUserText=[odd]\r\n\r\n"
        "[System]\r\nSystemType=Quanta\r\n\r\n[Beam]\r\nHV=10000\r\nBeam=EBeam\r\n"
        "[EBeam]\r\nWD=0.01\r\n[Scan]\r\nInternalScan=true\r\nPixelWidth=1.34896e-007\r\nPixelHeight=1e-9\r\n[EScan]\r\nPixelWidth=5\r\n"
    )
    found = vendor_metadata({tag: text.encode()}, width=1536)
    assert found.nm_per_px == pytest.approx(134.896)
    assert found.fields == {
        "vendor": "FEI/Thermo",
        "model": "Quanta",
        "voltage": "10000 V",
        "working_distance": "0.01 m",
        "pixel_height": "1 nm",
    }


def test_a_navigation_camera_has_no_scale() -> None:
    text = "[Beam]\nHV=\n[Scan]\nPixelWidth=\n[EScan]\nPixelWidth=1e-9\n"
    assert vendor_metadata({FEI_HELIOS_TAG: text.encode()}, width=1536).nm_per_px is None


def test_tescan() -> None:
    text = (
        b"\x01\x00\x02junk\x00[MAIN]\r\nDevice=VEGA\r\nMagnification=5000\r\n"
        b"PixelSizeX=2.5e-08\r\nPixelSizeY=3e-8\r\n[SEM]\r\nHV=20000\r\n"
    )
    found = vendor_metadata({TESCAN_TAG: text}, width=768)
    assert found.nm_per_px == pytest.approx(25.0)
    assert found.fields["magnification"] == "5000"
    assert found.fields["voltage"] == "20000 V"


def test_nothing_known() -> None:
    found = vendor_metadata({}, width=10)
    assert (found.nm_per_px, dict(found.fields)) == (None, {})


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1024, 768), 39.1), ((512, 384), 78.2), ((1024, 650), 39.1), ((700, 400), None)],
    ids=["as stored", "half as large", "cut below", "cut at a side"],
)
def test_zeiss_size_is_that_of_the_width_it_was_stored_with(size: tuple[int, int], expected: float | None) -> None:
    text = "DP_IMAGE_STORE\r\nStore resolution = 1024 * 768\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 39.1 nm\r\n"
    found = vendor_metadata({ZEISS_TAG: text.encode("cp1252")}, width=size[0], height=size[1])
    assert found.nm_per_px == (None if expected is None else pytest.approx(expected))
    assert found.fields.get("unread_tag", "") == ("" if expected else str(ZEISS_TAG))


def test_tescan_pixels_that_are_higher_than_wide_are_said() -> None:
    text = "[MAIN]\r\nPixelSizeX=1e-8\r\nPixelSizeY=1.2e-8\r\n"
    found = vendor_metadata({TESCAN_TAG: text.encode()}, width=800)
    assert (found.nm_per_px, found.fields["pixel_height"]) == (pytest.approx(10.0), "12 nm")
