"""Pixel sizes in TIFF tags besides the makers' own settings: XML, ImageJ's and OME's descriptions, Gatan's export."""

import base64
import binascii
import re
import struct
from collections.abc import Callable, Mapping
from typing import Final

from pipeline.imaging.metadata.lengths import VendorMetadata, length_nm, plausible_nm, sized

DESCRIPTION_TAG, X_RESOLUTION_TAG, Y_RESOLUTION_TAG = 270, 282, 283
FEI_XML_TAG, TITAN_TAG = 34680, 34683
GATAN_UNIT_TAG, GATAN_SIZE_TAG, GATAN_SIZE_Y_TAG = 65003, 65009, 65010
_NUMBER: Final = r"[-+]?\d*[.,]?\d+(?:[eE][-+]?\d+)?"
_IMAGEJ_UNITS: Final = {"micron": "um", "microns": "um", "\\u00b5m": "um", "\\u00B5m": "um", "inch": ""}


def further_metadata(tags: Mapping[int, bytes], *, width: int, byte_order: str) -> VendorMetadata:
    """The pixel size that one of these tags states.

    Parameters
    ----------
    tags : mapping of int to bytes
        Raw values of the tags that the file has.
    width : int
        Width of the picture in pixels: OME's size counts for a picture of the width that it states only.
    byte_order : str
        ``<`` or ``>``, of the resolution.

    Returns
    -------
    VendorMetadata
        Empty without a tag that is understood.
    """
    readers: tuple[Callable[[], VendorMetadata], ...] = (
        lambda: _fei_xml(tags.get(FEI_XML_TAG, b"")),
        lambda: _titan(_text(tags.get(TITAN_TAG))),
        lambda: _gatan(tags, byte_order),
        lambda: _ome(_text(tags.get(DESCRIPTION_TAG)), width),
        lambda: _jeol_xml(_text(tags.get(DESCRIPTION_TAG))),
        lambda: _imagej(tags, byte_order),
    )
    return next((found for found in (read() for read in readers) if found.nm_per_px is not None), VendorMetadata())


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw.rstrip(b"\0").decode("utf-8", errors="replace")


def _metres(text: str, pattern: str) -> float | None:
    match = re.search(pattern, text, flags=re.DOTALL)
    return length_nm(match[1], "m") if match else None


def _fei_xml(raw: bytes) -> VendorMetadata:
    """FEI's settings as XML in base64: under ``PixelSize`` an item ``Width`` and one ``Height``, in metres."""
    try:
        text = base64.b64decode(raw.rstrip(b"\0\r\n "), validate=False).decode("utf-8", errors="replace")
    except binascii.Error:
        return VendorMetadata()
    _, found, text = text.partition("<Name>PixelSize</Name>")
    if not found:
        return VendorMetadata()
    value = rf"<Name>{{}}</Name>.*?<anyType[^>]*>\s*({_NUMBER})\s*</anyType>"
    return sized(_metres(text, value.format("Width")), _metres(text, value.format("Height")), "FEI/Thermo")


def _titan(text: str) -> VendorMetadata:
    """Titan's and Talos' XML: ``PixelSize`` with ``X`` and ``Y`` in metres; Phenom's: widths with their unit."""
    if "<FeiImage" in text:
        sides = (re.search(rf'<pixel{side} unit="(\w+)">\s*({_NUMBER})\s*<', text) for side in ("Width", "Height"))
        width, height = (None if side is None else length_nm(side[2], side[1]) for side in sides)
        return sized(width, height, "Phenom")
    x = _metres(text, rf"<PixelSize>.*?<X[^>]*>\s*({_NUMBER})\s*</X>")
    y = _metres(text, rf"<PixelSize>.*?<Y[^>]*>\s*({_NUMBER})\s*</Y>")
    return sized(x, y, "FEI/Thermo")


def _gatan(tags: Mapping[int, bytes], byte_order: str) -> VendorMetadata:
    """What Digital Micrograph writes into the TIFFs that it exports: a size and its unit."""
    unit = _text(tags.get(GATAN_UNIT_TAG)).replace("\0", "")
    sizes = [_gatan_size(tags.get(tag), byte_order) for tag in (GATAN_SIZE_TAG, GATAN_SIZE_Y_TAG)]
    x, y = (None if size is None else length_nm(repr(size), unit) for size in sizes)
    return sized(x, y, "Gatan")


def _gatan_size(raw: bytes | None, byte_order: str) -> float | None:
    if raw is None:
        return None
    number = re.fullmatch(rf"\s*({_NUMBER})\s*", _text(raw))
    if number:
        return float(number[1].replace(",", "."))
    kind = {4: "f", 8: "d"}.get(len(raw))
    return None if kind is None else float(struct.unpack(byte_order + kind, raw)[0])


def _ome(text: str, width: int) -> VendorMetadata:
    """OME-XML: ``PhysicalSizeX`` of a picture ``SizeX`` wide, in micrometres where no unit is stated."""
    pixels = re.search(r"<(?:\w+:)?Pixels\b([^>]*)>", text) if "OME" in text[:4000] else None
    if pixels is None:
        return VendorMetadata()
    said = dict(re.findall(r'(\w+)="([^"]*)"', pixels[1]))
    if said.get("SizeX") != str(width):
        return VendorMetadata()
    x, y = (length_nm(said.get(f"PhysicalSize{axis}", ""), said.get(f"PhysicalSize{axis}Unit", "um")) for axis in "XY")
    return sized(x, y, "")


def _jeol_xml(text: str) -> VendorMetadata:
    """JEOL's XML in the description of a TIFF: a length a pixel, in nanometres."""
    match = re.search(rf"<a_LengthPerPixel>\s*({_NUMBER})\s*</a_LengthPerPixel>", text)
    return sized(length_nm(match[1], "nm") if match else None, None, "JEOL")


def _imagej(tags: Mapping[int, bytes], byte_order: str) -> VendorMetadata:
    """ImageJ: ``unit=`` in the description, and pixels for each of it as the resolution."""
    text = _text(tags.get(DESCRIPTION_TAG))
    unit = re.search(r"^unit=(\S+)\s*$", text, flags=re.MULTILINE)
    if not text.startswith("ImageJ=") or unit is None:
        return VendorMetadata()
    nm = length_nm("1", _IMAGEJ_UNITS.get(unit[1], unit[1]))
    sizes = [_per_pixel(tags.get(tag), byte_order) for tag in (X_RESOLUTION_TAG, Y_RESOLUTION_TAG)]
    x, y = (None if size is None or nm is None else plausible_nm(size * nm) for size in sizes)
    return sized(x, y, "")


def _per_pixel(raw: bytes | None, byte_order: str) -> float | None:
    if raw is None or len(raw) < 8:
        return None
    dots, units = struct.unpack_from(byte_order + "II", raw)
    return units / dots if dots and units else None
