"""What else speaks for or against a scale: the magnification, and the resolution that the file's header states.

These are remarks beside a value, recorded in its reason. They never make or unmake one: makers count magnifications on
pictures of different widths, and most resolutions are those of a printer or a screen.
"""

import re
import struct
from collections.abc import Mapping
from typing import Final

from pipeline.errors import CorruptImageError
from pipeline.imaging.formats.tiff_directory import read_directories
from pipeline.records import SCALE_AGREEMENT

DISPLAY_MM: Final = (50.0, 1000.0)  # Polaroid 114 mm, JEOL 120, FEI 127 to 414, Zeiss 300 to 380
_MAGNIFICATION: Final = re.compile(r"([-+]?\d*[.,]?\d+(?:[eE][-+]?\d+)?)\s*(k?)\s*x?\s*$", re.IGNORECASE)
_NM_PER_INCH: Final = 25.4e6
_X_RESOLUTION, _RESOLUTION_UNIT = 282, 296
_TIFF_UNITS: Final = {2: _NM_PER_INCH, 3: 1e7}
_PNG_METRE: Final = 1
_JFIF_UNITS: Final = {1: _NM_PER_INCH, 2: 1e7}


def remarks(nm_per_px: float, *, width_px: int, fields: Mapping[str, str], data: bytes = b"") -> str:
    """Sentences on how a pixel size goes with the rest that is known; empty where nothing is.

    Parameters
    ----------
    nm_per_px : float
        The pixel size in nanometres.
    width_px : int
        Width of the picture.
    fields : mapping of str to str
        The maker's metadata; ``magnification`` is used.
    data : bytes
        The picture's file, for the resolution in its header.

    Examples
    --------
    >>> remarks(100.0, width_px=1024, fields={"magnification": "2.00 K X"})
    'the magnification of 2000 fits (shown 205 mm wide)'
    """
    found = []
    magnification = parse_magnification(fields.get("magnification", ""))
    if magnification is not None:
        display_mm = nm_per_px * width_px * magnification / 1e6
        fits = DISPLAY_MM[0] <= display_mm <= DISPLAY_MM[1]
        verdict = "fits" if fits else "does not fit"
        found.append(f"the magnification of {magnification:.6g} {verdict} (shown {display_mm:.3g} mm wide)")
    if fields.get("pixel_height"):
        found.append(f"the pixels are {fields['pixel_height']} high")
    stated = header_nm_per_px(data)
    if stated is not None and abs(stated - nm_per_px) <= SCALE_AGREEMENT * nm_per_px:
        found.append("the resolution in the file's header is the same")
    return "; ".join(found)


def parse_magnification(text: str) -> float | None:
    """``2.00 K X``, ``5000`` or ``10.0kx`` as a number; None for anything else."""
    match = _MAGNIFICATION.match(text.strip())
    if match is None:
        return None
    value = float(match[1].replace(",", ".")) * (1000.0 if match[2] else 1.0)
    return value if 1.0 <= value <= 1e8 else None


def header_nm_per_px(data: bytes) -> float | None:
    """The resolution that the header of a TIFF, PNG or JPEG states, in nanometres a pixel; None without one."""
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff_nm_per_px(data)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png_nm_per_px(data)
    if data[:4] == b"\xff\xd8\xff\xe0" and data[6:11] == b"JFIF\0" and len(data) >= 16:
        unit, density = data[13], struct.unpack_from(">H", data, 14)[0]
        return _JFIF_UNITS[unit] / density if unit in _JFIF_UNITS and density else None
    return None


def _tiff_nm_per_px(data: bytes) -> float | None:
    try:
        page = read_directories(data)[0]
        stored = page.raw(_X_RESOLUTION)
        unit_nm = _TIFF_UNITS.get(page.integer(_RESOLUTION_UNIT, 2))
    except CorruptImageError:  # of these two tags; the picture itself has been decoded
        return None
    if stored is None or len(stored) < 8 or unit_nm is None:
        return None
    dots, units = struct.unpack_from(page.byte_order + "II", stored)
    return unit_nm * units / dots if dots and units else None


def _png_nm_per_px(data: bytes) -> float | None:
    position = 8
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        if kind == b"pHYs" and position + 17 <= len(data):
            density, _, unit = struct.unpack_from(">IIB", data, position + 8)
            return 1e9 / density if unit == _PNG_METRE and density else None
        if kind == b"IDAT":
            return None
        position += 12 + length
    return None
