"""Lengths as makers write them, and the record of what a file's metadata say."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_NM_PER_UNIT: Final = {
    "fm": 1e-6, "pm": 1e-3, "a": 0.1, "å": 0.1, "nm": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3, "mm": 1e6,
    "cm": 1e7, "m": 1e9,
}  # fmt: skip
_ANISOTROPIC: Final = 0.01
_SMALLEST_NM, _LARGEST_NM = 1e-5, 1e8  # no microscope's pixel is outside


@dataclass(frozen=True, slots=True)
class VendorMetadata:
    """What was understood of a file's vendor metadata.

    Attributes
    ----------
    nm_per_px : float or None
        Pixel size in nanometres; None when the file does not state a plausible one.
    fields : mapping of str to str
        Keys among ``vendor``, ``model``, ``magnification``, ``detector``, ``voltage``, ``working_distance``,
        ``pixel_height`` (where it is another than the width), ``unread_tag`` (a TIFF tag that is there, and of which
        no pixel size was understood); the text as the vendor writes it, with runs of
        blanks made one.
    """

    nm_per_px: float | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


def sized(x_nm: float | None, y_nm: float | None, vendor: str) -> VendorMetadata:
    """A record of a pixel's width, and of its height where that differs by more than one per cent."""
    fields = {"vendor": vendor} if vendor else {}
    if x_nm is not None and y_nm is not None and abs(y_nm / x_nm - 1) > _ANISOTROPIC:
        fields["pixel_height"] = f"{y_nm:.6g} nm"
    return VendorMetadata(x_nm, fields)


def length_nm(number: str, unit: str) -> float | None:
    """A written length in nanometres, e.g. ``("55,82", "nm")``; None if it is not a plausible one."""
    factor = _NM_PER_UNIT.get(unit.strip().lower())
    try:
        value = float(number.replace(",", "."))
    except ValueError:
        return None
    return None if factor is None else plausible_nm(value * factor)


def plausible_nm(nm: float) -> float | None:
    """The length, if a pixel of a microscope may be as large."""
    return nm if math.isfinite(nm) and _SMALLEST_NM <= nm <= _LARGEST_NM else None
