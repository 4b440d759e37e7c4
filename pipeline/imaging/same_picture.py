"""Whether two files of one size show the same picture: the same but for a JPEG's losses, or for a gray level or two."""

import io
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

# A near copy differs by so little that no eye and no network sees it.
_NEAR_LEVELS = 2

# Decoders round differently: two decodings of one JPEG stay within this.
_DECODER_LEVELS = 2

_JPEG_MAGIC = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found; an empty relation means two different pictures.

    Attributes
    ----------
    relation : {"same_picture", "near", ""}
    differing_pixels : int
        Pixels that differ at all.
    max_difference : int
        Largest difference in gray levels.
    """

    relation: Literal["same_picture", "near", ""]
    differing_pixels: int
    max_difference: int


def compare_pictures(first: tuple[bytes, NDArray[np.uint8]], second: tuple[bytes, NDArray[np.uint8]]) -> Comparison:
    """Compare two pictures, each given as the bytes of its file and its canonical gray [height, width].

    A JPEG is the same picture as another file exactly when encoding that file's pixels with the JPEG's own
    quantisation tables gives the JPEG's pixels again, up to a decoder's rounding: a second frame of the same sample
    differs by its noise and fails. Without a JPEG, or when that fails, pictures within 2 gray levels everywhere are
    `near`.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    (data_a, gray_a), (data_b, gray_b) = first, second
    if gray_a.shape != gray_b.shape:
        raise ValueError(f"pictures of different shapes, {gray_a.shape} and {gray_b.shape}, cannot be compared")
    difference = cv2.absdiff(gray_a, gray_b)
    largest = int(difference.max())
    differing = int(np.count_nonzero(difference))
    relation: Literal["same_picture", "near", ""] = ""
    if _explains(gray_a, data_b, gray_b) or _explains(gray_b, data_a, gray_a):
        relation = "same_picture"
    elif largest <= _NEAR_LEVELS:
        relation = "near"
    return Comparison(relation, differing, largest)


def _explains(original: NDArray[np.uint8], jpeg: bytes, pixels: NDArray[np.uint8]) -> bool:
    """Whether the file ``jpeg``, decoded to ``pixels``, is ``original`` encoded with that file's own tables."""
    if not jpeg.startswith(_JPEG_MAGIC):
        return False
    with Image.open(io.BytesIO(jpeg)) as image:
        tables = getattr(image, "quantization", None)
        color = image.mode == "RGB"
    if not tables:
        return False
    again = Image.fromarray(original)
    buffer = io.BytesIO()
    luma = [list(tables[min(tables)])]
    if color:
        again = again.convert("RGB")
        luma = [list(table) for _, table in sorted(tables.items())]
    again.save(buffer, "JPEG", qtables=luma, subsampling=-1 if not color else 0)
    with Image.open(io.BytesIO(buffer.getvalue())) as image:
        decoded = np.asarray(image.convert("L"))
    return int(cv2.absdiff(decoded, pixels).max()) <= _DECODER_LEVELS
