"""The turn that EXIF or TIFF states, against Pillow's own."""

import io

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.formats.decode import decode_image
from pipeline.imaging.formats.orientation import as_stored, exif_orientation, upright
from pipeline.imaging.matching.same_picture import Copy, compare_pictures

GRAY = np.kron(np.random.default_rng(2).integers(0, 256, (8, 12)), np.ones((8, 8))).astype(np.uint8)
COLOURS = np.stack([GRAY, GRAY[::-1], GRAY[:, ::-1]], axis=2)
ALL = range(1, 9)


def saved(pixels: NDArray[np.uint8], kind: str, orientation: int, **options: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, exif=exif, **options)
    return out.getvalue()


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("pixels", [GRAY, COLOURS], ids=["gray", "colours"])
def test_exif_is_applied(pixels: NDArray[np.uint8], kind: str, orientation: int) -> None:
    data = saved(pixels, kind, orientation)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert np.abs(decode_image(data).pixels.astype(int) - expected).max() <= 2, "the decoders may round differently"


@pytest.mark.parametrize("orientation", ALL)
def test_the_tag_of_a_tiff_is_applied(orientation: int) -> None:
    out = io.BytesIO()
    tifffile.imwrite(out, GRAY, extratags=[(274, "H", 1, orientation, True)], metadata=None)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(saved(GRAY, "PNG", orientation))))
    np.testing.assert_array_equal(decode_image(out.getvalue()).pixels, np.asarray(expected))


@pytest.mark.parametrize("orientation", ALL)
def test_the_inverse(orientation: int) -> None:
    np.testing.assert_array_equal(as_stored(upright(COLOURS, orientation), orientation), COLOURS)


@pytest.mark.parametrize("exif", [b"", b"II", b"no EXIF at all", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"])
def test_damaged_exif_turns_nothing(exif: bytes) -> None:
    assert exif_orientation(exif) == 1
    assert exif_orientation(exif + bytes(40)) == 1


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_a_turned_jpeg_and_its_upright_original_are_one_picture(orientation: int) -> None:
    rng = np.random.default_rng(orientation)
    original = np.clip(np.kron(rng.normal(128, 40, (12, 16)), np.ones((16, 16))) + rng.normal(0, 8, (192, 256)), 0, 255)
    original = original.astype(np.uint8)
    data = saved(np.ascontiguousarray(as_stored(original, orientation)), "JPEG", orientation, quality=80)
    turned = Copy(data, to_gray8(decode_image(data)))
    found = compare_pictures(Copy(b"II*\0", original), turned)
    assert (found.relation, found.evidence) == ("same_picture", "re_encoded")
