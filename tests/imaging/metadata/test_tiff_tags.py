"""Pixel sizes in the TIFF tags of XML, ImageJ, OME, Gatan and FEI's resized pictures, from small made files."""

import base64
import io
from typing import Any

import numpy as np
import pytest
import tifffile

from pipeline.imaging.formats.decode import decode_image
from pipeline.imaging.metadata.tiff_tags import further_metadata
from pipeline.records import DecodedImage

_PIXELS = np.arange(60 * 80, dtype=np.uint8).reshape(60, 80)


def _decoded(**options: Any) -> DecodedImage:
    file = io.BytesIO()
    tifffile.imwrite(file, _PIXELS, metadata=None, **options)
    return decode_image(file.getvalue())


def _tag(number: int, text: str) -> dict[str, Any]:
    return {"extratags": [(number, 2, 0, text, True)]}


_ITEM = "<Name>{}</Name><Unit>m</Unit><anyType>{}</anyType>"
_FEI_XML = "<a><Name>PixelSize</Name><b>" + _ITEM.format("Width", "1.25E-08") + _ITEM.format("Height", "1.25E-08")
_TITAN = "<Root><PixelSize><X>8.0E-10</X><Y>8.0E-10</Y></PixelSize></Root>"
_PHENOM = '<FeiImage><pixelWidth unit="um">0.0542</pixelWidth><pixelHeight unit="um">0.0542</pixelHeight></FeiImage>'
_JEOL = "<T><a_LengthPerPixel>3.2</a_LengthPerPixel></T>"
_OME = '<OME><Image><Pixels SizeX="{}" SizeY="60" PhysicalSizeX="0.02"{}/></Image></OME>'
_FEI = "[Scan]\nPixelWidth=1e-08\nPixelHeight={}\n[Image]\nResolutionX={}\nResolutionY={}\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (_tag(34680, base64.b64encode(_FEI_XML.encode()).decode()), 12.5),
        (_tag(34683, _TITAN), 0.8),
        (_tag(34683, _PHENOM), 54.2),
        ({"description": _JEOL}, 3.2),
        ({"description": _OME.format(80, "")}, 20.0),
        ({"description": _OME.format(80, ' PhysicalSizeXUnit="nm"')}, 0.02),
        ({"description": _OME.format(160, "")}, None),
        ({"description": "ImageJ=1.53\nunit=um\n", "resolution": (50, 50)}, 20.0),
        ({"description": "ImageJ=1.53\nunit=\\u00B5m\n", "resolution": (50, 50)}, 20.0),
        ({"description": "ImageJ=1.53\nunit=micron\n", "resolution": (50, 50)}, 20.0),
        ({"description": "ImageJ=1.53\nunit=pixel\n", "resolution": (50, 50)}, None),
        ({"description": "a picture", "resolution": (50, 50)}, None),
        ({"extratags": [(65003, 2, 0, "nm", True), (65009, 2, 0, "2.5", True)]}, 2.5),
    ],
)
def test_the_size_of_a_pixel(options: dict[str, Any], expected: float | None) -> None:
    assert _decoded(**options).nm_per_px == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("height", "stated", "expected"),
    [
        ("1e-08", (80, 60), 10.0),
        ("1e-08", (160, 120), 20.0),  # made smaller as a whole
        ("1e-08", (160, 105), 20.0),  # with a data bar below
        ("1e-08", (160, 60), None),  # cut
    ],
)
def test_a_resized_picture_of_fei(height: str, stated: tuple[int, int], expected: float | None) -> None:
    found = _decoded(**_tag(34682, _FEI.format(height, *stated))).nm_per_px
    assert found == (None if expected is None else pytest.approx(expected))


def test_pixels_that_are_higher_than_wide_are_said() -> None:
    found = _decoded(**_tag(34682, _FEI.format("1.5557e-08", 80, 60)))
    assert found.nm_per_px == pytest.approx(10.0)
    assert found.metadata["pixel_height"] == "15.557 nm"


@pytest.mark.parametrize("raw", [b"", b"\0", b"not base64!", base64.b64encode(b"<Name>PixelSize</Name>")])
def test_what_is_not_understood_has_no_size(raw: bytes) -> None:
    tags = {34680: raw, 34683: raw, 270: raw, 65009: raw, 282: raw}
    assert further_metadata(tags, width=80, byte_order="<").nm_per_px is None
