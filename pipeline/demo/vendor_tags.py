"""The microscope's own text inside a TIFF, as Zeiss (tag 34118) and FEI (tag 34682) write it."""

from collections.abc import Callable
from typing import Literal

TagVendor = Literal["zeiss", "fei"]

ExtraTag = tuple[int, str, int, str, bool]


def vendor_tag(vendor: TagVendor, nm_per_px: float, width_px: int, height_px: int) -> ExtraTag:
    """Return the tag, in the form of tifffile's ``extratags``, that states a pixel size.

    Parameters
    ----------
    vendor : "zeiss" or "fei"
    nm_per_px : float
        Pixel size in nanometres.
    width_px, height_px : int
        Size of the picture; Zeiss also states the pixel size of a frame of 1024 pixels, a known trap.
    """
    code, write = _WRITERS[vendor]
    text = write(nm_per_px, width_px, height_px)
    return (code, "s", len(text) + 1, text, True)


def _metric(nm: float) -> str:
    """A length as SmartSEM writes it: four digits and a unit."""
    return f"{nm / 1e3:.4g} um" if nm >= 1e3 else f"{nm:.4g} nm" if nm >= 1 else f"{nm * 1e3:.4g} pm"


def _zeiss_text(nm_per_px: float, width_px: int, height_px: int) -> str:
    frame_nm = nm_per_px * width_px / 1024
    header = ["0", "0", "0", f"{frame_nm * 1e-9:.6e}", "0", "0"]
    entries = [
        ("DP_SCANRATE", "Scan Speed = 9"),
        ("DP_IMAGE_STORE", f"Store resolution = {width_px} * {height_px}"),
        ("AP_PIXEL_SIZE", f"Pixel Size = {_metric(frame_nm)}"),
        ("AP_IMAGE_PIXEL_SIZE", f"Image Pixel Size = {_metric(nm_per_px)}"),
        ("AP_WIDTH", f"Width = {_metric(nm_per_px * width_px)}"),
        ("AP_HEIGHT", f"Height = {_metric(nm_per_px * height_px)}"),
        ("AP_MAG", f"Mag = {375.8e6 / (nm_per_px * width_px) / 1e3:.2f} K X"),
    ]
    return "\r\n".join([*header, *(line for entry in entries for line in entry)]) + "\r\n"


def _fei_text(nm_per_px: float, width_px: int, height_px: int) -> str:
    pixel_m = nm_per_px * 1e-9
    lines = [
        "[User]",
        "UserText=",
        "",
        "[System]",
        "Type=SEM",
        "",
        "[Scan]",
        "InternalScan=true",
        f"PixelWidth={pixel_m:.6e}",
        f"PixelHeight={pixel_m:.6e}",
        f"HorFieldsize={pixel_m * width_px:.6e}",
        f"VerFieldsize={pixel_m * height_px:.6e}",
        "",
        "[Image]",
        f"ResolutionX={width_px}",
        f"ResolutionY={height_px}",
    ]
    return "\r\n".join(lines) + "\r\n"


_WRITERS: dict[TagVendor, tuple[int, Callable[[float, int, int], str]]] = {
    "zeiss": (34118, _zeiss_text),
    "fei": (34682, _fei_text),
}
