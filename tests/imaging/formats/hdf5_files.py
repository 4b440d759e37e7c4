"""Small HDF5 files as Velox, NCEM's programs and Digital Micrograph 5 lay them out."""

import io
import json
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray


def _written(fill: Callable[[Any], None]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


def velox(gray: NDArray[Any], *, nm: float = 0.125, unit: str = "m", frames: int = 1) -> bytes:
    """Velox' EMD: the frames along the last axis, settings as JSON in a column of bytes for each."""

    def fill(file: Any) -> None:
        group = file.create_group("Data/Image/0a1b2c")
        group["Data"] = np.stack([gray, *[0 * gray] * (frames - 1)], axis=-1)
        size = {"width": repr(nm * 1e-9), "height": repr(nm * 1e-9)}
        said = json.dumps({"BinaryResult": {"PixelSize": size, "PixelUnitX": unit, "PixelUnitY": unit}})
        text = np.frombuffer(said.encode().ljust(500, b"\0"), np.uint8)
        group["Metadata"] = np.repeat(text[:, None], frames, axis=1)

    return _written(fill)


def ncem(gray: NDArray[Any], *, step: tuple[float, float] = (2.0, 2.0), units: str = "[n_m]") -> bytes:
    """NCEM's EMD: a marked group with the picture and a vector for each side; ``step`` down and across."""

    def fill(file: Any) -> None:
        group = file.create_group("data/scan")
        group.attrs["emd_group_type"] = 1
        group["data"] = gray
        for number, (length, one) in enumerate(zip(gray.shape, step, strict=True), 1):
            group[f"dim{number}"] = one * np.arange(length)
            group[f"dim{number}"].attrs["units"] = units

    return _written(fill)


def dm5(gray: NDArray[Any], *, scale: float = 0.25, units: str = "nm") -> bytes:
    """Digital Micrograph 5: a thumbnail, then the picture, its calibration in attributes."""

    def fill(file: Any) -> None:
        file["ImageList/[0]/ImageData/Data"] = gray[::8, ::8]
        file["ImageList/[1]/ImageData/Data"] = gray
        for axis in (0, 1):
            tags = file.create_group(f"ImageList/[1]/ImageData/Calibrations/Dimension/[{axis}]")
            tags.attrs["Scale"], tags.attrs["Units"] = scale, units

    return _written(fill)
