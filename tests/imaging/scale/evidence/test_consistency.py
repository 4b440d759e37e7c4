"""Remarks beside a scale: magnification and header resolution."""

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.imaging.scale.evidence.consistency import header_nm_per_px, parse_magnification, remarks


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2.00 K X", 2000), ("5000", 5000), ("10,5kx", 10500), ("1e4", 10000), ("x", None), ("", None), ("0.001", None)],
)
def test_magnifications(text: str, expected: float | None) -> None:
    found = parse_magnification(text)
    assert found is None if expected is None else found == pytest.approx(expected)


@pytest.mark.parametrize(("nm", "word"), [(100.0, "fits"), (0.1, "does not fit"), (1e5, "does not fit")])
def test_a_unit_that_is_wrong_does_not_fit_the_magnification(nm: float, word: str) -> None:
    said = remarks(nm, width_px=1024, fields={"magnification": "2.00 K X"})
    assert f"2000 {word} (" in said


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_the_resolution_of_the_header(kind: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(buffer, kind, dpi=(300, 300))
    data = buffer.getvalue()
    assert header_nm_per_px(data) == pytest.approx(25.4e6 / 300, rel=1e-3)
    assert "header is the same" in remarks(84_667.0, width_px=4, fields={}, data=data)
    assert remarks(10.0, width_px=4, fields={}, data=data) == ""


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1", b"GIF89a"])
def test_no_resolution(data: bytes) -> None:
    assert header_nm_per_px(data) is None
