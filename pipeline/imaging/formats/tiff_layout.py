"""How a TIFF page's pixels are stored, and whether all of its data are in the file."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError
from pipeline.imaging.formats.tiff_directory import TiffPage

NO_COMPRESSION: Final = 1
JPEG_COMPRESSION: Final = 7


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """The tags of one page that say how its pixels are stored.

    Attributes
    ----------
    width, height : int
        In pixels.
    samples : int
        Values a pixel, alpha and other extra samples included.
    bits : int
        Bits a sample, the same for all.
    sample_format : int
        1 unsigned, 2 signed, 3 float, 4 undefined, 5 and 6 complex.
    photometric : int
        0 white is zero, 1 black is zero, 2 RGB, 3 palette, 6 YCbCr.
    planar : bool
        Each sample is stored as a plane of its own.
    extra_samples : tuple of int
        Meaning of the samples beyond the photometric ones: 1 premultiplied alpha, 2 alpha, 0 unspecified.
    tile : (width, height) or None
        None for strips.
    offsets, byte_counts : int64 [segments]
        Of the strips or tiles.
    """

    width: int
    height: int
    samples: int
    bits: int
    sample_format: int
    photometric: int
    compression: int
    predictor: int
    fill_order: int
    planar: bool
    extra_samples: tuple[int, ...]
    rows_per_strip: int
    tile: tuple[int, int] | None
    offsets: NDArray[np.int64]
    byte_counts: NDArray[np.int64]

    @property
    def bytes_per_pixel(self) -> int:
        """Bytes that a decoded pixel takes."""
        return self.samples * max(1, (self.bits + 7) // 8)

    @property
    def row_bytes(self) -> int:
        """Bytes of one uncompressed row of a strip."""
        samples = 1 if self.planar else self.samples
        return (self.width * samples * self.bits + 7) // 8

    @property
    def n_segments(self) -> int:
        """Strips or tiles that the picture needs."""
        planes = self.samples if self.planar else 1
        if self.tile is None:
            return planes * -(-self.height // self.rows_per_strip)
        return planes * -(-self.width // self.tile[0]) * -(-self.height // self.tile[1])

    def strip_rows(self, segment: int) -> int:
        """Rows of one strip; the last of a plane may have fewer."""
        first = (segment % -(-self.height // self.rows_per_strip)) * self.rows_per_strip
        return min(self.rows_per_strip, self.height - first)


def page_size(page: TiffPage) -> tuple[int, int]:
    """Width and height in pixels that a page's header states; 0 where a tag is missing."""
    return page.integer(256, 0), page.integer(257, 0)


def read_layout(page: TiffPage) -> TiffLayout:
    """Collect a page's layout.

    Raises
    ------
    CorruptImageError
        Tags contradict each other, or lie outside the file.
    """
    width, height = page_size(page)
    bits = page.integers(258)
    tiled = 322 in page.tags
    tile = (page.integer(322, 0), page.integer(323, 0)) if tiled else None
    layout = TiffLayout(
        width=width,
        height=height,
        samples=page.integer(277, 1),
        bits=_same_for_all(bits, 258, 1),
        sample_format=_same_for_all(page.integers(339), 339, 1),
        photometric=page.integer(262, _usual_photometric(page)),
        compression=page.integer(259, NO_COMPRESSION),
        predictor=page.integer(317, 1),
        fill_order=page.integer(266, 1),
        planar=page.integer(284, 1) == 2 and page.integer(277, 1) > 1,
        extra_samples=_tuple(page.integers(338)),
        rows_per_strip=max(1, min(page.integer(278, height), height)),
        tile=tile,
        offsets=_required(page, 324 if tiled and 324 in page.tags else 273),
        byte_counts=np.zeros(0, dtype=np.int64),
    )
    _check_plausible(layout)
    return _with_byte_counts(layout, page.integers(325 if tiled and 325 in page.tags else 279))


def _usual_photometric(page: TiffPage) -> int:
    """What a page means that does not say it: RGB (2) if it has three colours, else gray with black as zero (1)."""
    colours = page.integer(277, 1) - len(_tuple(page.integers(338)))
    return 2 if colours == 3 else 1


def _same_for_all(values: NDArray[np.int64] | None, number: int, default: int) -> int:
    if values is None or values.size == 0:
        return default
    if values.size > 1 and bool((values != values[0]).any()):
        raise CorruptImageError(f"TIFF tag {number} differs between the samples of a pixel: {values[:8].tolist()}")
    return int(values[0])


def _tuple(values: NDArray[np.int64] | None) -> tuple[int, ...]:
    return () if values is None else tuple(values.tolist())


def _required(page: TiffPage, number: int) -> NDArray[np.int64]:
    values = page.integers(number)
    if values is None or values.size == 0:
        raise CorruptImageError(f"the TIFF page has no picture data: tag {number} (where the data lie) is missing")
    return values


def _check_plausible(layout: TiffLayout) -> None:
    if layout.samples < 1 or not 1 <= layout.bits <= 64 or len(layout.extra_samples) >= layout.samples + 1:
        raise CorruptImageError(f"the TIFF states {layout.samples} samples of {layout.bits} bits a pixel")
    if layout.tile is not None and (min(layout.tile) < 1 or max(layout.tile) > 1 << 20):
        raise CorruptImageError(f"the TIFF states tiles of {layout.tile[0]} x {layout.tile[1]} pixels")


def _with_byte_counts(layout: TiffLayout, counts: NDArray[np.int64] | None) -> TiffLayout:
    """Add the segments' lengths, which old writers leave out for uncompressed strips."""
    if counts is None or counts.size == 0:
        if layout.compression != NO_COMPRESSION or layout.tile is not None:
            raise CorruptImageError("the TIFF page does not say how long its data are (no byte counts)")
        rows = [layout.strip_rows(segment) for segment in range(min(layout.n_segments, layout.offsets.size))]
        counts = np.array(rows, dtype=np.int64) * layout.row_bytes
    fields = {name: getattr(layout, name) for name in TiffLayout.__slots__}
    return TiffLayout(**{**fields, "byte_counts": counts})


def check_segments(layout: TiffLayout, data: bytes) -> None:
    """Make sure that every strip or tile lies in the file.

    Raises
    ------
    CorruptImageError
        Data are missing or cut off.
    """
    needed = layout.n_segments
    if min(layout.offsets.size, layout.byte_counts.size) < needed:
        raise CorruptImageError(
            f"the TIFF lists {layout.offsets.size} pieces of data and {layout.byte_counts.size} lengths; "
            f"its size needs {needed}"
        )
    offsets, counts = layout.offsets[:needed], layout.byte_counts[:needed]
    if bool((offsets <= 0).any()) or bool((counts <= 0).any()):
        raise CorruptImageError("the TIFF has strips or tiles without data")
    # Compared without a sum, which could overflow.
    if bool((counts > len(data) - offsets).any()):
        end = max(int(offset) + int(count) for offset, count in zip(offsets, counts, strict=True))
        raise CorruptImageError(f"truncated: the TIFF's picture data reach byte {end:,} but the file has {len(data):,}")
    _check_uncompressed_length(layout, counts)


def _check_uncompressed_length(layout: TiffLayout, counts: NDArray[np.int64]) -> None:
    if layout.compression != NO_COMPRESSION or layout.tile is not None:
        return
    rows = np.full(counts.size, layout.rows_per_strip, dtype=np.int64)
    per_plane = -(-layout.height // layout.rows_per_strip)
    rows[per_plane - 1 :: per_plane] = layout.strip_rows(per_plane - 1)
    if bool((counts < rows * layout.row_bytes).any()):
        raise CorruptImageError("the TIFF's strips are shorter than its width, height and bits a pixel need")
