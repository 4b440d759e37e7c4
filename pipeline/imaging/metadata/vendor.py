"""Pixel size and conditions that microscope makers write into their files.

Only what names nobody is kept: user names, paths and sample names in the same tags are left alone.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from pipeline.imaging.metadata.lengths import VendorMetadata, length_nm, plausible_nm, sized
from pipeline.imaging.metadata.tiff_tags import further_metadata

ZEISS_TAG, FEI_SFEG_TAG, FEI_HELIOS_TAG, TESCAN_TAG = 34118, 34680, 34682, 50431
MAKERS_TAGS: Final = (ZEISS_TAG, FEI_SFEG_TAG, FEI_HELIOS_TAG, TESCAN_TAG)
"""Tags that microscopes alone write."""

VENDOR_TAGS: Final = (ZEISS_TAG, FEI_SFEG_TAG, FEI_HELIOS_TAG, TESCAN_TAG, 270, 282, 283, 34683, 65003, 65009, 65010)
"""TIFF tags that `vendor_metadata` understands."""

_SIZE_TAGS: Final = (34683, 65009)
"""Tags that hold little but a pixel size."""

_ZEISS_REFERENCE_WIDTH_PX: Final = 1024
_TALLEST_BAR: Final = 0.2
_NUMBER: Final = r"[-+]?\d*[.,]?\d+(?:[eE][-+]?\d+)?"


def vendor_metadata(tags: Mapping[int, bytes], *, width: int, height: int = 0, byte_order: str = "<") -> VendorMetadata:
    """Read a TIFF's vendor tags.

    Parameters
    ----------
    tags : mapping of int to bytes
        Raw values of the tags among `VENDOR_TAGS` that the file has. The first that is understood counts.
    width : int
        Width of the picture in pixels (Zeiss states some sizes for the whole width, or for 1024 pixels).
    height : int, optional
        Its height. FEI states the size that it was taken with: one that was made smaller since is told by both sides.
    byte_order : str, optional
        ``<`` or ``>``, of numbers in tags.

    Returns
    -------
    VendorMetadata
        Empty without a tag that is understood.
    """
    readers: dict[int, Callable[[str], VendorMetadata]] = {
        ZEISS_TAG: lambda text: _zeiss(text, width, height),
        FEI_SFEG_TAG: lambda text: _fei(text, width, height),
        FEI_HELIOS_TAG: lambda text: _fei(text, width, height),
        TESCAN_TAG: _tescan,
    }
    for number, read in readers.items():
        if number in tags and (found := read(tags[number].decode("latin-1"))).nm_per_px is not None:
            return found
    further = further_metadata(tags, width=width, byte_order=byte_order)
    if further.nm_per_px is not None:
        return further
    for number, read in readers.items():
        if number in tags:
            found = read(tags[number].decode("latin-1"))
            return VendorMetadata(None, {**found.fields, "unread_tag": str(number)})
    unread = next((number for number in _SIZE_TAGS if number in tags), None)
    return further if unread is None else VendorMetadata(None, {**further.fields, "unread_tag": str(unread)})


def _zeiss(text: str, width: int, height: int) -> VendorMetadata:
    stored = re.match(r"(\d+) \* (\d+)$", _zeiss_text(text, "DP_IMAGE_STORE"))
    shrunk = _shrunk_by(stored[1], stored[2], width, height) if stored else 1.0
    stored_width = int(stored[1]) if stored and height else width
    size = None if shrunk is None else _zeiss_pixel_size_nm(text, stored_width)
    fields = {
        "vendor": "Zeiss",
        "magnification": _zeiss_text(text, "AP_MAG"),
        "detector": _zeiss_text(text, "DP_DETECTOR_TYPE") or _zeiss_text(text, "DP_DETECTOR_CHANNEL"),
        "voltage": _zeiss_text(text, "AP_ACTUALKV") or _zeiss_text(text, "AP_MANUALKV"),
        "working_distance": _zeiss_text(text, "AP_WD"),
    }
    return VendorMetadata(None if size is None or shrunk is None else plausible_nm(size * shrunk), _filled(fields))


def _zeiss_pixel_size_nm(text: str, width: int) -> float | None:
    """Pixel size of a picture as wide as it was stored, by the first of Zeiss' statements that is there.

    ``AP_IMAGE_PIXEL_SIZE`` is the picture's own. ``AP_PIXEL_SIZE`` and the fourth of the numbers that begin
    the tag are those of a frame 1024 pixels wide, wrong by 2 for 512 and 2048 unless corrected.
    """
    if width <= 0:
        return None
    reference = _ZEISS_REFERENCE_WIDTH_PX / width
    for key, factor in (
        ("AP_IMAGE_PIXEL_SIZE", 1.0),
        ("AP_WIDTH", 1.0 / width),
        ("AP_PIXEL_SIZE", reference),
    ):
        match = re.match(rf"\s*({_NUMBER})\s*(\S+)", _zeiss_text(text, key))
        nm = length_nm(match[1], match[2]) if match else None
        if nm is not None:
            return plausible_nm(nm * factor)
    numbers = text.split(maxsplit=4)
    nm = length_nm(numbers[3], "m") if len(numbers) > 3 else None
    return None if nm is None else plausible_nm(nm * reference)


def _zeiss_text(text: str, key: str) -> str:
    """The value after a Zeiss key: ``AP_MAG\\r\\nMag = 2.00 K X`` gives ``2.00 K X``."""
    # A regular expression that begins with the key is searched for like a plain text: 30 KB in microseconds.
    for match in re.finditer(rf"{key}\r?\n[^=\r\n]*=([^\r\n\0]*)", text):
        if match.start() == 0 or text[match.start() - 1] in "\r\n":
            return _tidy(match[1])
    return ""


def _fei(text: str, width: int, height: int) -> VendorMetadata:
    pixel_width = _ini_value(text, "Scan", "PixelWidth")
    voltage = _ini_value(text, "Beam", "HV")
    working_distance = _ini_value(text, _ini_value(text, "Beam", "Beam"), "WD")
    fields = {
        "vendor": "FEI/Thermo",
        "model": _ini_value(text, "System", "SystemType"),
        "detector": _ini_value(text, "Detectors", "Name"),
        "voltage": f"{voltage} V" if voltage else "",
        "working_distance": f"{working_distance} m" if working_distance else "",
    }
    # A navigation camera's picture has these tags too, with no [Scan] PixelWidth: then there is no scale.
    pixel_height = _ini_value(text, "Scan", "PixelHeight")
    shrunk = _shrunk_by(
        _ini_value(text, "Image", "ResolutionX"), _ini_value(text, "Image", "ResolutionY"), width, height
    )
    if shrunk is None:
        return VendorMetadata(None, _filled(fields))
    x, y = (None if nm is None else nm * shrunk for nm in (length_nm(pixel_width, "m"), length_nm(pixel_height, "m")))
    size = sized(x, y, "")
    return VendorMetadata(x, _filled(fields) | dict(size.fields))


def _shrunk_by(stated_width: str, stated_height: str, width: int, height: int) -> float | None:
    """How many pixels as taken make one of the picture's; None where another width is not that of one just resized.

    A data bar below the picture adds rows to the stated ones.
    """
    if not stated_width.isdigit() or not stated_height.isdigit() or not height or int(stated_width) == width:
        return 1.0
    shrunk = int(stated_width) / width
    rows = height * shrunk - int(stated_height)
    return shrunk if -2 * shrunk <= rows <= _TALLEST_BAR * int(stated_height) else None


def _tescan(text: str) -> VendorMetadata:
    voltage = setting(text, "HV")
    fields = {
        "vendor": "Tescan",
        "model": setting(text, "DeviceModel") or setting(text, "Device"),
        "magnification": setting(text, "Magnification"),
        "detector": setting(text, "Detector0") or setting(text, "Detector"),
        "voltage": f"{voltage} V" if voltage else "",
    }
    x, y = (length_nm(setting(text, f"PixelSize{axis}"), "m") for axis in "XY")
    return VendorMetadata(x, _filled(fields) | dict(sized(x, y, "").fields))


def _ini_value(text: str, section: str, key: str) -> str:
    match = re.search(rf"^\[{re.escape(section)}\]\s*?$(.*?)(?=^\[|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return setting(match[1], key) if match else ""


def setting(text: str, key: str) -> str:
    """The value of a line ``key=value``, empty without one."""
    match = re.search(rf"(?:^|[\r\n\0]){re.escape(key)}[ \t]*=([^\r\n\0]*)", text)
    return _tidy(match[1]) if match else ""


def _tidy(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _filled(fields: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in fields.items() if value}
