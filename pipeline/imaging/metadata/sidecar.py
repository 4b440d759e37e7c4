"""The text file that some microscopes write beside a picture: its pixel size and conditions.

Understood are JEOL's (``$$SM_MICRON_BAR`` pixels are ``$$SM_MICRON_MARKER`` long), Hitachi's (``[SemImageFile]`` with
``PixelSize=`` in nanometres) and Tescan's (``PixelSizeX=`` in metres).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.imaging.metadata.lengths import length_nm, plausible_nm
from pipeline.imaging.metadata.vendor import setting

_NUMBER: Final = r"[-+]?\d*[.,]?\d+(?:[eE][-+]?\d+)?"
MAX_SIDECAR_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a text file says of its picture.

    Attributes
    ----------
    nm_per_px : float or None
        Pixel size in nanometres, of a picture `width_px` wide; None when no plausible one is stated.
    width_px : int or None
        The width that the file states: a picture of another width was scaled or cut since, and the size is not its own.
    fields : mapping of str to str
        ``vendor``, ``magnification`` and ``voltage``, as far as stated.
    """

    nm_per_px: float | None = None
    width_px: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)

    def size_for(self, width: int) -> float | None:
        """The pixel size of a picture of that width; None where the file describes another."""
        return self.nm_per_px if self.width_px in (None, width) else None


def decode_text(data: bytes) -> str:
    """The text of a file: UTF-8 or UTF-16 where it is one, else one byte a letter (numbers survive any code page)."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse_sidecar(text: str) -> Sidecar:
    """Read the text file beside a picture; anything that is none of the known kinds gives an empty record.

    Examples
    --------
    >>> parse_sidecar("$$SM_MICRON_BAR 100\\n$$SM_MICRON_MARKER 10um\\n").nm_per_px
    100.0
    """
    if re.search(r"^\$+(?:CM|SM)_", text, flags=re.MULTILINE):
        return _jeol(text)
    if "[SemImageFile]" in text:
        return _hitachi(text)
    metres = setting(text, "PixelSizeX")
    if metres:
        return Sidecar(
            length_nm(metres, "m"), None, _filled(vendor="Tescan", magnification=setting(text, "Magnification"))
        )
    return Sidecar()


def _jeol(text: str) -> Sidecar:
    bar = _number(_jeol_value(text, "SM_MICRON_BAR"))
    marker = re.match(rf"({_NUMBER})\s*(\S+)", _jeol_value(text, "SM_MICRON_MARKER"))
    marker_nm = length_nm(marker[1], marker[2]) if marker else None
    size = plausible_nm(marker_nm / bar) if marker_nm is not None and bar else None
    width = re.match(r"(\d+)", _jeol_value(text, "CM_FULL_SIZE"))
    voltage = _jeol_value(text, "CM_ACCEL_VOLT")
    fields = _filled(
        vendor="JEOL", magnification=_jeol_value(text, "CM_MAG"), voltage=f"{voltage} kV" if voltage else ""
    )
    return Sidecar(size, int(width[1]) if width else None, fields)


def _jeol_value(text: str, key: str) -> str:
    match = re.search(rf"^\$+{key}[ \t]+([^\r\n]*)", text, flags=re.MULTILINE)
    return " ".join(match[1].split()) if match else ""


def _number(text: str) -> float:
    match = re.match(rf"{_NUMBER}", text)
    value = float(match[0].replace(",", ".")) if match else 0.0
    return value if value > 0 else 0.0


def _hitachi(text: str) -> Sidecar:
    size = re.match(r"(\d+)\s*[xX]", setting(text, "DataSize"))
    voltage = setting(text, "AcceleratingVoltage")
    fields = _filled(vendor="Hitachi", magnification=setting(text, "Magnification"), voltage=voltage)
    return Sidecar(length_nm(setting(text, "PixelSize"), "nm"), int(size[1]) if size else None, fields)


def _filled(**fields: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
