"""The text files that microscopes write beside pictures."""

import pytest

from pipeline.imaging.metadata.sidecar import decode_text, parse_sidecar

JEOL = (
    "$SEM_DATA_VERSION 1\r\n$CM_LABEL JEOL-SEM\r\n$CM_FULL_SIZE 1280 960\r\n$CM_MAG 1000\r\n$CM_ACCEL_VOLT 15\r\n"
    "$$SM_MICRON_BAR 120\r\n$$SM_MICRON_MARKER 10um\r\n"
)
HITACHI = (
    "[SemImageFile]\r\nInstructName=S-4800\r\nImageName=x.tif\r\nDataSize=1280x960\r\nPixelSize=99.20635\r\n"
    "Magnification=1000\r\nAcceleratingVoltage=5000 Volt\r\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (JEOL, 10_000 / 120),
        ("$CM_MAG 5\n$$SM_MICRON_BAR 50\n$$SM_MICRON_MARKER 100nm\n", 2.0),
        ("$CM_MAG 5\n$$SM_MICRON_BAR 51\n$$SM_MICRON_MARKER 1\u00b5m\n", 1000 / 51),
        (HITACHI, 99.20635),
        ("[MAIN]\nPixelSizeX=2.5e-08\n", 25.0),
        ("$$SM_MICRON_BAR 0\n$$SM_MICRON_MARKER 100nm\n", None),
        ("$$SM_MICRON_BAR 10\n$$SM_MICRON_MARKER wide\n", None),
        ("$$SM_MICRON_BAR 10\n", None),
        ("[SemImageFile]\nPixelSize=many\n", None),
        ("PixelSize=12\n", None),
        ("just some notes", None),
        ("", None),
    ],
)
def test_pixel_sizes(text: str, expected: float | None) -> None:
    found = parse_sidecar(text).nm_per_px
    assert found is None if expected is None else found == pytest.approx(expected)


def test_conditions() -> None:
    jeol, hitachi = parse_sidecar(JEOL), parse_sidecar(HITACHI)
    assert jeol.fields == {"vendor": "JEOL", "magnification": "1000", "voltage": "15 kV"}
    assert hitachi.fields == {"vendor": "Hitachi", "magnification": "1000", "voltage": "5000 Volt"}


def test_a_picture_of_another_width_has_another_pixel_size() -> None:
    for text in (JEOL, HITACHI):
        sidecar = parse_sidecar(text)
        assert sidecar.size_for(1280) == sidecar.nm_per_px
        assert sidecar.size_for(640) is None
    unsized = parse_sidecar("$CM_MAG 5\n$$SM_MICRON_BAR 50\n$$SM_MICRON_MARKER 100nm\n")
    assert unsized.size_for(640) == pytest.approx(2.0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "shift_jis"])
def test_any_code_page(encoding: str) -> None:
    remark = {"latin-1": "Gr\u00f6\u00dfe", "shift_jis": "\u8a66\u6599"}.get(encoding, "\u00b5")
    data = f"$CM_TITLE {remark}\r\n{JEOL}".encode(encoding)
    assert parse_sidecar(decode_text(data)).nm_per_px == pytest.approx(10_000 / 120)
