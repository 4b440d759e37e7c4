"""EMD and DM5: the picture, and what its pixels measure."""

import io
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.errors import CorruptImageError, ImageTooLargeError, UnsupportedImageError
from pipeline.imaging.formats.decode import decode_image
from tests.imaging.formats.hdf5_files import dm5, ncem, velox

_GRAY = (np.arange(48 * 64).reshape(48, 64) % 5000).astype(np.uint16)


@pytest.mark.parametrize(
    ("data", "nm", "pages", "vendor"),
    [
        (velox(_GRAY), 0.125, 1, "FEI/Thermo"),
        (velox(_GRAY, frames=3), 0.125, 3, "FEI/Thermo"),
        (velox(_GRAY, unit="1/m"), None, 1, "FEI/Thermo"),
        (ncem(_GRAY), 2.0, 1, None),
        (ncem(_GRAY, units="[1/n_m]"), None, 1, None),
        (dm5(_GRAY), 0.25, 1, "Gatan"),
        (dm5(_GRAY, units="1/nm"), None, 1, "Gatan"),
    ],
)
def test_the_picture_and_its_pixel_size(data: bytes, nm: float | None, pages: int, vendor: str | None) -> None:
    image = decode_image(data)
    np.testing.assert_array_equal(image.pixels, _GRAY)
    assert (image.format, image.bit_depth, image.pages) == ("hdf5", 16, pages)
    assert image.nm_per_px == (None if nm is None else pytest.approx(nm))
    assert image.metadata.get("vendor") == vendor


def test_pixels_that_are_higher_than_wide_are_said() -> None:
    image = decode_image(ncem(_GRAY, step=(3.0, 2.0)))
    assert image.nm_per_px == pytest.approx(2.0)
    assert image.metadata["pixel_height"] == "3 nm"


@pytest.mark.parametrize("way", ["raw file", "linked group", "linked dataset", "virtual"])
def test_pixels_in_another_file_are_never_read(way: str, tmp_path: Path) -> None:
    """Who makes a file for a corpus must not read other files of this machine with it."""
    secret, other = tmp_path / "secret", tmp_path / "other.h5"
    secret.write_bytes(_GRAY.tobytes())
    with h5py.File(other, "w") as file:
        file["group/data"] = _GRAY
        file["group"].attrs["emd_group_type"] = 1
    with h5py.File(tmp_path / "planted.emd", "w") as file:
        if way == "linked group":
            file["planted"] = h5py.ExternalLink(str(other), "group")
        else:
            group = file.create_group("planted")
            group.attrs["emd_group_type"] = 1
        if way == "raw file":
            group.create_dataset("data", _GRAY.shape, _GRAY.dtype, external=[(str(secret), 0, _GRAY.nbytes)])
        elif way == "linked dataset":
            group["data"] = h5py.ExternalLink(str(other), "group/data")
        elif way == "virtual":
            layout = h5py.VirtualLayout(_GRAY.shape, _GRAY.dtype)
            layout[:] = h5py.VirtualSource(str(other), "group/data", _GRAY.shape)
            group.create_virtual_dataset("data", layout)
    with pytest.raises(UnsupportedImageError, match=r"another file|without a picture"):
        decode_image((tmp_path / "planted.emd").read_bytes())


def test_other_files_too_large_ones_and_damaged_ones_are_refused_in_words() -> None:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["table"] = np.arange(5)
    with pytest.raises(UnsupportedImageError, match="without a picture"):
        decode_image(buffer.getvalue())
    with pytest.raises(UnsupportedImageError, match="expected numbers"):
        decode_image(velox(_GRAY.astype(np.complex64)))
    with pytest.raises(ImageTooLargeError):
        decode_image(velox(_GRAY), max_pixels=1000)
    with pytest.raises(CorruptImageError):
        decode_image(velox(_GRAY)[:700])
