"""What the index keeps of a picture besides its bytes: everything that is learned when a file is decoded first."""

import json
from dataclasses import dataclass

from pipeline.imaging.canonical import signature, signature_square, to_gray8, upper_part
from pipeline.imaging.formats.decode import decode_image, pixel_md5
from pipeline.imaging.quality import Quality, measure_quality


@dataclass(frozen=True, slots=True)
class PictureSummary:
    """What decoding a file gave.

    Attributes
    ----------
    pixel_md5 : bytes
        See `pipeline.imaging.formats.decode.pixel_md5`.
    width_px, height_px, bit_depth, pages : int
    metadata_nm_per_px : float
        Pixel size from the vendor's metadata; NaN without.
    metadata : str
        The vendor's metadata that was understood, as JSON; empty without.
    signature : bytes
        See `pipeline.imaging.canonical.signature`; of the upper part.
    square : bytes
        See `pipeline.imaging.canonical.signature_square`.
    quality : Quality
    """

    pixel_md5: bytes
    width_px: int
    height_px: int
    bit_depth: int
    pages: int
    metadata_nm_per_px: float
    metadata: str
    signature: bytes
    square: bytes
    quality: Quality


def summarise_picture(data: bytes, *, max_pixels: int) -> PictureSummary:
    """Decode the bytes of a file and summarise the picture.

    Raises
    ------
    ImageError
        It is no picture that can be read here.
    """
    image = decode_image(data, max_pixels=max_pixels)
    height, width = image.pixels.shape[:2]
    gray = to_gray8(image)
    return PictureSummary(
        pixel_md5(image),
        width,
        height,
        image.bit_depth,
        image.pages,
        float("nan") if image.nm_per_px is None else image.nm_per_px,
        json.dumps(dict(image.metadata), sort_keys=True, ensure_ascii=False) if image.metadata else "",
        signature(upper_part(gray)).tobytes(),
        signature_square(gray).tobytes(),
        measure_quality(gray),
    )
