"""Files that went wrong for real users, each beside what is right for it; its kind has tests of its own elsewhere."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.formats.decode import decode_image
from pipeline.imaging.matching.same_picture import Copy, compare_pictures
from pipeline.imaging.quality import filled_share
from pipeline.imaging.scale.reading import read_scale

SIZES = {
    "m01_fei_memento.tif": (12.5, ""),
    "m02_fei_titan_xml.tif": (0.8, ""),
    "m04_fei_tilt.tif": (10.0, "15.557 nm"),
    "m06_fei_resized_half.tif": (20.0, ""),
    "m10_imagej_um.tif": (20.0, ""),
    "m13_dm_export.tif": (2.5, ""),
    "m15_jeol_xml.tif": (3.2, ""),
    "m19_olympus_sis.tif": (4.0, ""),
    "m23_dm4_anisotropic.dm4": (2.0, "3 nm"),
    "../formats/dmTest_float32_nonSquare_diffPixelSize.dm4": (1.0, "0.2 nm"),
}
DECODED = (
    "chunk_no_fctl.png",
    "png_decompression_dos.png",
    "deflate-last-strip-extra-data.tiff",
    "flower-rgb-contig-08.tif",
    "issue7200.pdf",
    "rgb24jpeg.bmp",
    "rgb32bf.bmp",
    "tbbn2c16.png",
)


@pytest.fixture(scope="module")
def faults(shared_data: Path) -> Path:
    return shared_data / "faults"


def gray(path: Path) -> NDArray[np.uint8]:
    return to_gray8(decode_image(path.read_bytes()))


@pytest.mark.parametrize("name", SIZES)
def test_pixel_sizes_of_makers(name: str, faults: Path) -> None:
    image = decode_image((faults / "metadata" / name).read_bytes())
    assert (image.nm_per_px, image.metadata.get("pixel_height", "")) == (pytest.approx(SIZES[name][0]), SIZES[name][1])


@pytest.mark.parametrize("name", DECODED)
def test_intact_pixels_are_read(name: str, faults: Path) -> None:
    assert decode_image((faults / "formats" / name).read_bytes()).pixels.size


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("PasswordSample-128bit.pdf", UnsupportedImageError, "locked"),
        ("test-MonarcCL_spectrum-pmt.dm4", UnsupportedImageError, "spectrum"),
        # Its entropy-coded data are damaged beside its EXIF: stripes of other grays, seen by eye.
        ("hopper_bad_exif.jpg", CorruptImageError, "extraneous bytes"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, error: type[Exception], words: str, faults: Path) -> None:
    with pytest.raises(error, match=words):
        decode_image((faults / "formats" / name).read_bytes())


def test_more_than_8_bits(faults: Path) -> None:
    folder = faults / "sixteen_bit"
    clean, hot = gray(folder / "f_12bit_clean.tif"), gray(folder / "f_12bit_hot_pixel.tif")
    assert np.count_nonzero(clean != hot) <= 1
    assert len(np.unique(hot)) > 200
    assert np.ptp(gray(folder / "h_12bit_under_full_bar.tif")[: clean.shape[0] // 2]) > 200
    clean, spike = (gray(faults / "damage" / name) for name in ("clean.dm3", "spike.dm3"))
    assert np.count_nonzero(clean != spike) <= 1


def test_a_picture_cut_off_at_half_its_height_is_tied_to_the_whole(faults: Path) -> None:
    cut, whole = (faults / "damage" / name for name in ("d06_tail_zero.tif", "d06_whole.tif"))
    copies = [Copy(path.read_bytes(), gray(path)) for path in (cut, whole)]
    assert compare_pictures(*copies).relation == "cut_off"
    assert filled_share(gray(cut)) == pytest.approx(0.5, abs=0.01)


def test_a_drawing_on_a_transparent_ground_is_seen(faults: Path) -> None:
    for name in ("d03_lineart1.png", "d03_la1.png"):
        drawing = gray(faults / "pairs" / name)
        assert 0.5 < np.mean(drawing > 200) < 1


def test_a_diffraction_patterns_bar_has_no_length(faults: Path) -> None:
    """The bar above the label ends where the exponent begins, and looks like a dash before its digit."""
    found = read_scale(faults / "metadata" / "reciprocal_5_per_nm.jpg")
    assert (found.status, found.nm_per_px) == ("uncertain", None)
    assert "exponent" in found.reason
