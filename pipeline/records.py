"""Records that the layers hand to each other: frozen, typed, without behaviour that needs an engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

ImageFormat = Literal["tiff", "jpeg", "png", "bmp", "gif", "pdf", "dm3", "dm4", "djvu", "hdf5"]

FileStatus = Literal[
    "ok",  # the first path of its content
    "suspect",  # so, but its lower end is filled with one value, as a broken upload leaves it
    "duplicate",  # its content has been seen under another path
    "document",  # of several pages, whose pictures are rows of their own: `report.pdf#page=2`
    "corrupt",
    "unsupported",
    "unreadable",
    "too_large",
    "not_judged",  # the machine kept it from being judged; the next run tries again
    "left_out",  # a link out of the corpus, which is not followed
    "gone",  # was there once
]

FIRST_PATHS: Final[tuple[FileStatus, ...]] = ("ok", "suspect")
"""Statuses of the path that stands for its content."""

PICTURES: Final[tuple[FileStatus, ...]] = (*FIRST_PATHS, "duplicate")
"""Statuses of paths that show a picture."""

_PICTURES: Final = (
    "ai arw avif bif bmp cr2 cr3 czi djv djvu dm2 dm3 dm4 dng emd emi eps fits gif gsf h5 hdf5 heic heif ims j2k jfif "
    "jls jp2 jpe jpeg jpf jpg jxl lif lsm mrc mrcs nd2 nef nxs oib oif orf pbm pdf pgm png pnm ppm psd raw rec rw2 ser "
    "spm svg svs tga tif tiff vsi webp xcf"
)
_PICTURE_ENDINGS: Final = frozenset(_PICTURES.split(" "))
_NO_PICTURES: Final = frozenset({"README", "LICENSE", "COPYING", "MAKEFILE", "THUMBS", "CHANGELOG"})


def is_side_file(path: str, status: str) -> bool:
    """Whether a file is no picture by intention: what microscopes, cameras and people put beside pictures.

    A file of another kind whose name promises no picture: a text, a table, a hidden file. One that is called like a
    picture and is none that can be read is none.

    Examples
    --------
    >>> [is_side_file(path, "unsupported") for path in ("a/img_1.txt", "README", ".DS_Store", "scan.czi", "img_1")]
    [True, True, True, False, False]
    """
    if status != "unsupported":
        return False
    name = path.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    if name.startswith(".") or name.upper() in _NO_PICTURES:
        return True
    return bool(stem and dot) and ending[:1].isalpha() and ending.lower() not in _PICTURE_ENDINGS


ScaleStatus = Literal[
    "read",  # from the bar alone
    "metadata",  # from the file's metadata; no bar in the picture
    "agrees",  # both are present and agree
    "confirmed",  # by a person
    "disagrees",  # both are present and differ: no value is given
    "uncertain",  # something was read, with too little evidence
    "no_bar",
    "no_segment",
    "no_text",
    "no_unit",
]

SCALE_AGREEMENT: Final = 0.03
"""A bar and the metadata agree when they differ by no more than this share."""

SCALE_STATUSES_WITH_VALUE: frozenset[str] = frozenset({"read", "metadata", "agrees", "confirmed"})


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A picture as its decoder gave it.

    Attributes
    ----------
    pixels : ndarray, [height, width] or [height, width, channels]
        Native values: bool, uint8, int8, uint16, int16, uint32, int32, float32 or float64. A palette
        picture whose palette is gray, or an SEM vendor's annotation palette, is its raw index (see
        `pipeline.imaging.formats.decode`); any other palette is expanded to RGB. "White is zero" is already
        inverted: larger is brighter.
    format : str
        One of `ImageFormat`, found from the content.
    bit_depth : int
        Significant bits a channel as the file declares them.
    pages : int
        Pictures in the file; ``pixels`` is the first full-sized one.
    nm_per_px : float or None
        Pixel size in nanometres from the vendor's metadata, when there is one that can be trusted.
    metadata : mapping of str to str
        The vendor's metadata that was understood, e.g. ``{"vendor": "Zeiss", "magnification": "5.00 K X"}``.
    """

    pixels: NDArray[np.generic]
    format: ImageFormat
    bit_depth: int
    pages: int = 1
    nm_per_px: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScaleReading:
    """What is known of one picture's physical scale, and why.

    Attributes
    ----------
    status : str
        One of `ScaleStatus`. A value is given only with ``read``, ``metadata``, ``agrees`` and ``confirmed``.
    source : str
        Where the value comes from: ``bar``, ``metadata``, ``both``, or empty.
    text : str
        The bar's label as it was read, cleaned (``"200 nm"``); empty if none.
    scale_nm : float or None
        The length in nanometres that the label states.
    bar_length_px : float or None
        Length of the scale segment in pixels: outer width less one tick width for a line with end ticks,
        outer width for a solid bar, first to last tick for a ruler.
    nm_per_px : float or None
        Nanometres a pixel; None unless the status carries a value.
    metadata_nm_per_px : float or None
        Nanometres a pixel as the vendor's metadata states them.
    confidence : float
        0 to 1.
    reason : str
        Why there is no value, or what the value rests on, in words.
    bar_top_px : int or None
        First row of the data bar (stripe) where it closes the picture at the bottom: rows from here on are no
        specimen. None without a stripe.
    segment_box, text_box : (x, y, width, height) or None
        In pixels of the picture.
    crop : str
        Digest of the text's crop: equal crops have one reading. Empty without a text.
    field_box : (x, y, width, height) or None
        The printed field width that the bar was held against.
    rule : str
        The rule of `pipeline.imaging.scale.decision` that decided: the one that objects, or what the value rests on.
    nm_per_px_y : float or None
        Nanometres a pixel downwards, where the metadata state more than 1% another than ``nm_per_px``.
    """

    status: ScaleStatus
    source: Literal["bar", "metadata", "both", "person", ""] = ""
    text: str = ""
    scale_nm: float | None = None
    bar_length_px: float | None = None
    nm_per_px: float | None = None
    metadata_nm_per_px: float | None = None
    confidence: float = 0.0
    reason: str = ""
    bar_top_px: int | None = None
    segment_box: tuple[int, int, int, int] | None = None
    text_box: tuple[int, int, int, int] | None = None
    crop: str = ""
    field_box: tuple[int, int, int, int] | None = None
    rule: str = ""
    nm_per_px_y: float | None = None


@dataclass(frozen=True, slots=True)
class ShownCandidate:
    """A candidate for a scale as it is drawn: its mark, its text, and in words what was read and what it is worth.

    A text without a mark is one that was read all over the picture; a mark without a text is a segment without a label.
    """

    mark: tuple[int, int, int, int] | None
    text: tuple[int, int, int, int] | None
    words: str
