"""Whether a JPEG is a re-encoding of a picture, proven by its bytes."""

import io
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from pipeline.imaging.matching.reencoding import is_reencoding, luma_steps

_RNG = np.random.default_rng(0)
_COARSE = _RNG.normal(size=(12, 16)).astype(np.float32)
GRAY = np.clip(
    128 + 40 * cv2.resize(_COARSE, (253, 190), interpolation=cv2.INTER_CUBIC) + _RNG.normal(0, 5, (190, 253)), 0, 255
).astype(np.uint8)


def encoded(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("quality", [30, 75, 90, 95, 100])
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}], ids=str)
def test_any_quality_and_huffman_coding(quality: int, options: dict[str, Any]) -> None:
    assert is_reencoding(GRAY, encoded(Image.fromarray(GRAY), quality=quality, **options))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_gray_stored_as_colours(subsampling: int) -> None:
    assert is_reencoding(GRAY, encoded(Image.fromarray(GRAY).convert("RGB"), quality=85, subsampling=subsampling))


def test_metadata_do_not_matter() -> None:
    data = encoded(Image.fromarray(GRAY), quality=85, comment=b"Anna Rossi", dpi=(300, 300))
    assert is_reencoding(GRAY, data)


def test_opencv_writes_the_same_bytes() -> None:
    assert is_reencoding(GRAY, cv2.imencode(".jpg", GRAY, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def test_one_pixel_more_or_less_is_noticed() -> None:
    other = GRAY.copy()
    other[5, 5] ^= 8
    assert not is_reencoding(other, encoded(Image.fromarray(GRAY), quality=90))
    assert not is_reencoding(GRAY[:-1], encoded(Image.fromarray(GRAY), quality=90))


def test_another_encoder_is_no_proof() -> None:
    data = simplejpeg.encode_jpeg(GRAY[:, :, None].copy(), quality=90, colorspace="GRAY", colorsubsampling="Gray")
    assert not is_reencoding(GRAY, data)


@pytest.mark.parametrize(
    "data", [b"", b"II*\0", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_jpeg_is_none(data: bytes) -> None:
    assert not is_reencoding(GRAY, data)
    assert luma_steps(data) is None
