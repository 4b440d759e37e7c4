"""Which pictures and files the sample corpus has: decided here as plain data, and made elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pipeline.demo.databars import DataBar, Vendor, length_text
from pipeline.demo.encode import TiffStyle
from pipeline.demo.names import copy_path, picture_path
from pipeline.demo.randomness import stream
from pipeline.demo.textures import ALL_TEXTURES, TEXTURES
from pipeline.demo.vendor_tags import TagVendor

Container = Literal["tiff", "jpeg", "png", "bmp", "pdf"]
Relation = Literal["", "same_bytes", "same_pixels", "same_picture", "near", "crop", "thumbnail", "other_bar"]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a picture becomes bytes.

    Attributes
    ----------
    container : str
        The format; ``pdf`` holds a JPEG.
    style : str
        Kind of TIFF; ignored by the others.
    quality : int
        JPEG quality, also of the PDF's.
    rgb : bool
        PNG with three equal channels.
    tag : str or None
        Vendor whose metadata the TIFF carries.
    """

    container: Container
    style: TiffStyle = "gray"
    quality: int = 90
    rgb: bool = False
    tag: TagVendor | None = None


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of the corpus: its path from the corpus's root, its encoding, its relation to the master."""

    path: str
    encoding: Encoding
    relation: Relation = ""


@dataclass(frozen=True, slots=True)
class PlannedPicture:
    """One picture and all files made of it.

    Attributes
    ----------
    key : str
        Names the picture's random streams, e.g. ``fibres/003``.
    texture : str
        Key of `ALL_TEXTURES`.
    width_px, height_px : int
        Size in pixels.
    nm_per_px : float
        True pixel size in nanometres.
    bar : DataBar or None
        What is printed; None for a picture without a data bar.
    files : tuple of PlannedFile
        The master first.
    levels : int
        256, or 4096 for a 16-bit file of 12-bit range.
    tag_error : float
        Factor by which the vendor's metadata is wrong on purpose; 1 where it is right.
    """

    key: str
    texture: str
    width_px: int
    height_px: int
    nm_per_px: float
    bar: DataBar | None
    files: tuple[PlannedFile, ...]
    levels: int = 256
    tag_error: float = 1.0

    @property
    def master(self) -> PlannedFile:
        """The file that the others were made from."""
        return self.files[0]


_LADDER_NM: tuple[float, ...] = (1, 2, 4, 5, 10, 20, 30, 50, 100, 200, 300, 500)
_LADDER_NM += (1e3, 2e3, 3e3, 5e3, 10e3, 20e3, 30e3, 50e3, 100e3, 200e3, 300e3, 500e3, 1e6)

# Turned by three places from class to class, so that each vendor meets each container.
_VENDORS: tuple[Vendor | None, ...] = (
    "zeiss",
    "zeiss",
    "fei",
    "zeiss",
    "jeol",
    "zeiss",
    "hitachi",
    "zeiss",
    "tescan",
    None,
)

_SIZES: dict[Vendor | None, tuple[int, int]] = {
    "zeiss": (1024, 768),
    "fei": (1024, 884),
    "jeol": (1280, 960),
    "hitachi": (1280, 960),
    "tescan": (1024, 852),
    None: (1024, 768),
}

# Shortest and longest segment as shares of the picture's width.
_SEGMENTS: dict[Vendor, tuple[float, float]] = {
    "zeiss": (0.06, 0.2),
    "fei": (0.2, 0.34),
    "jeol": (0.07, 0.2),
    "hitachi": (0.17, 0.27),
    "tescan": (0.12, 0.24),
}


def plan_pictures(seed: int, images_per_class: int, textures: Sequence[str] = tuple(TEXTURES)) -> list[PlannedPicture]:
    """Return all pictures of the corpus: ``images_per_class`` of each texture, then the oddities."""
    pictures = [_class_member(seed, texture, index) for texture in textures for index in range(images_per_class)]
    return pictures + _odd_pictures(seed)


def _class_member(seed: int, texture: str, index: int) -> PlannedPicture:
    """The ``index``-th picture of a class; what it is depends on the class and the index alone."""
    position = list(ALL_TEXTURES).index(texture)
    vendor = _VENDORS[(index + 3 * position) % 10]
    small = index % 10 in (5, 6)
    picture = _picture(seed, f"{texture}/{index:03d}", texture, vendor, small=small, scale_nm=_wanted(position, index))
    starred = picture.bar is not None and vendor == "zeiss" and index % 10 == 3
    if starred and picture.bar is not None:
        picture = replace(picture, bar=replace(picture.bar, text=picture.bar.text + "*"))
    path = picture_path(seed, picture.key, 1000 * (position + 1) + index)
    return replace(picture, files=_files(path, position, index, vendor))


def _wanted(position: int, index: int) -> float | None:
    """The scale that a picture must show, so that both ends of its class's range are there; None: any."""
    texture = list(ALL_TEXTURES.values())[position]
    ends = (texture.smallest_nm, texture.largest_nm) if position < 3 else (texture.largest_nm, texture.smallest_nm)
    if index % 20 in (0, 2):
        return ends[index % 20 // 2]
    common = (1e3, 2e3)[index % 2]
    within = texture.smallest_nm <= common <= texture.largest_nm
    return common if index % 3 == 1 and within else None


def _picture(
    seed: int, key: str, texture: str, vendor: Vendor | None, *, small: bool, scale_nm: float | None
) -> PlannedPicture:
    """A picture without files yet; its scale and what its bar says are drawn at random."""
    rng = stream(seed, key, "plan")
    width, height = _SIZES[vendor]
    if small:
        width, height = width // 2, height // 2
    kind = ALL_TEXTURES[texture]
    ladder = [nm for nm in _LADDER_NM if kind.smallest_nm <= nm <= kind.largest_nm]
    any_scale = float(rng.choice(ladder))
    bar = _bar(rng, vendor or "zeiss", width, height, any_scale if scale_nm is None else scale_nm)
    return PlannedPicture(key, texture, width, height, bar.nm_per_px, bar if vendor else None, ())


def _bar(rng: np.random.Generator, vendor: Vendor, width: int, height: int, scale_nm: float) -> DataBar:
    """A data bar of a vendor for a picture of this size."""
    shortest, longest = (share * width for share in _SEGMENTS[vendor])
    length = int(rng.integers(round(shortest), round(longest)))
    raised = int(rng.integers(2, 4)) if rng.random() < 0.75 else round(height * rng.uniform(0.05, 0.1))
    return DataBar(
        vendor=vendor,
        text=length_text(scale_nm, vendor),
        scale_nm=scale_nm,
        length_px=length // 10 * 10 if vendor == "hitachi" else length,
        dark=bool(rng.random() < 0.5) if vendor in ("zeiss", "tescan") else True,
        on_picture=bool(rng.random() < 0.5),
        raised_px=raised,
        at_right=bool(rng.random() < 0.15),
        kilovolts=float(rng.choice([1, 2, 3, 5, 10, 15, 20])),
        working_distance_mm=round(float(rng.uniform(2.5, 14)), 1),
        detector=str(rng.choice(["SE2", "InLens", "ETD", "SE"])),
        date=f"{rng.integers(1, 29)} {rng.choice(['Feb', 'May', 'Jul', 'Nov'])} {rng.integers(2009, 2018)}",
    )


def _files(path: str, position: int, index: int, vendor: Vendor | None) -> tuple[PlannedFile, ...]:
    """TIFF, JPG or both, and the copies that every tenth picture has."""
    place = index % 10
    if place in (1, 3, 5, 7, 9):
        quality = {1: 85, 3: 95, 5: 90, 7: 80, 9: 92}[place]
        return (PlannedFile(path + _jpeg_suffix(index), Encoding("jpeg", quality=quality)),)
    tiff = PlannedFile(path + _tiff_suffix(index), _tiff_encoding(position, index, vendor))
    if place in (4, 8):
        return (tiff,)
    quality = {0: 90, 2: 75, 6: 95}[place]
    jpeg = PlannedFile(path + _jpeg_suffix(index), Encoding("jpeg", quality=quality), "same_picture")
    return (tiff, jpeg, *(_copies(tiff, jpeg, position) if place == 0 else ()))


def _tiff_encoding(position: int, index: int, vendor: Vendor | None) -> Encoding:
    """Raw, LZW or (Zeiss only) palette; with the vendor's metadata in most files of Zeiss and FEI."""
    tag: TagVendor | None = vendor if vendor in ("zeiss", "fei") and (index // 2 + position) % 4 != 3 else None
    if vendor is None and (index // 10 + position) % 2 == 1:
        tag = "zeiss"
    if index % 10 == 8:
        return Encoding("tiff", style="lzw", tag=tag)
    palette = vendor == "zeiss" and (index // 2 + position) % 2 == 1
    return Encoding("tiff", style="palette" if palette else "gray", tag=tag)


def _copies(tiff: PlannedFile, jpeg: PlannedFile, position: int) -> tuple[PlannedFile, ...]:
    """Other files of the same picture: which ones depends on the class."""
    lossless = {
        0: (Encoding("tiff", style="lzw"), ".tif"),
        4: (Encoding("png"), ".png"),
        6: (Encoding("png"), ".png"),
    }
    copies = []
    if position in (0, 1):
        copies.append(PlannedFile(copy_path(tiff.path, 0), tiff.encoding, "same_bytes"))
    if position >= 2:
        copies.append(PlannedFile(copy_path(jpeg.path, 1), jpeg.encoding, "same_bytes"))
    if position == 5:
        copies.append(PlannedFile(copy_path(jpeg.path, 2), jpeg.encoding, "same_bytes"))
    if position in lossless:
        encoding, suffix = lossless[position]
        copies.append(PlannedFile(copy_path(tiff.path.rsplit(".", 1)[0] + suffix, 3), encoding, "same_pixels"))
    if position in (0, 3, 4, 6):
        copies.append(PlannedFile(copy_path(tiff.path, 4), tiff.encoding, "near"))
    return tuple(copies)


def _tiff_suffix(index: int) -> str:
    return {2: ".TIF", 8: ".tiff"}.get(index % 10, ".tif")


def _jpeg_suffix(index: int) -> str:
    return {3: ".JPG", 7: ".jpeg"}.get(index % 10, ".jpg")


def _odd_pictures(seed: int) -> list[PlannedPicture]:
    """One picture of each rare kind of file, whatever the size of the corpus."""
    gray_tag, gray = Encoding("tiff", tag="zeiss"), Encoding("tiff")
    kinds: list[tuple[str, str, Vendor | None, Encoding, str]] = [
        ("sixteen_bit", "particles", "tescan", gray, ".tif"),
        ("sixteen_bit_tagged", "fibres", "zeiss", gray_tag, ".tif"),
        ("inverted", "porous", "zeiss", Encoding("tiff", style="inverted"), ".tif"),
        ("rgb", "films", "zeiss", Encoding("png", rgb=True), ".png"),
        ("bitmap", "tips", "hitachi", Encoding("bmp"), ".BMP"),
        ("document", "mems", "jeol", Encoding("pdf", quality=88), ".pdf"),
        ("disagreeing", "patterned", "zeiss", gray_tag, ".tif"),
    ]
    pictures = []
    for number, (name, texture, vendor, encoding, suffix) in enumerate(kinds):
        picture = _picture(seed, f"odd/{name}", texture, vendor, small=name != "disagreeing", scale_nm=None)
        path = picture_path(seed, picture.key, 9000 + number) + suffix
        levels = 4096 if name.startswith("sixteen_bit") else 256
        error = 1.37 if name == "disagreeing" else 1.0
        files = (PlannedFile(path, encoding),)
        pictures.append(replace(picture, files=files, levels=levels, tag_error=error))
    return pictures
