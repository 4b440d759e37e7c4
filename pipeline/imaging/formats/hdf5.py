"""Pictures in HDF5: EMD as Velox and as NCEM's programs write it, and Gatan's DM5."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.imaging.formats.limits import check_size
from pipeline.imaging.metadata.lengths import length_nm, sized
from pipeline.records import DecodedImage

_MOST_METADATA: Final = 1 << 22


@dataclass(frozen=True)
class _Plane:
    """A picture in a file: its dataset, where rows and columns are, and what a pixel measures.

    ``index`` picks the first plane of the dataset; ``size`` holds the width and height of a pixel and ``unit`` theirs.
    """

    dataset: Any
    index: tuple[int | slice, ...]
    size: tuple[float | None, float | None]
    unit: str
    vendor: str


def decode_hdf5(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode the first picture of an EMD or DM5 file; of a stack the first plane is taken, ``pages`` counts them.

    Raises
    ------
    CorruptImageError, UnsupportedImageError, ImageTooLargeError
        Unsupported are HDF5 files of other programs, spectra, cubes and complex pictures.
    """
    import h5py

    try:
        file = h5py.File(io.BytesIO(data), "r")
    except OSError as error:
        raise CorruptImageError(f"the HDF5 file cannot be opened: {' '.join(str(error).split())[:200]}") from error
    with file:
        plane = next((found for layout in _LAYOUTS for found in layout(file)), None)
        if plane is None:
            raise UnsupportedImageError("an HDF5 file without a picture as Velox, NCEM's EMD or DM5 hold them")
        if plane.dataset.file != file or plane.dataset.external or plane.dataset.is_virtual:
            raise UnsupportedImageError("an HDF5 picture whose pixels lie in another file, which is never read")
        return _decoded(plane, max_pixels)


def _decoded(plane: _Plane, max_pixels: int) -> DecodedImage:
    dataset = plane.dataset
    kept = [length for length, part in zip(dataset.shape, plane.index, strict=True) if isinstance(part, slice)]
    if dataset.dtype.kind not in "uif":
        raise UnsupportedImageError(f"an HDF5 picture of type {dataset.dtype}; expected numbers")
    check_size(kept[1], kept[0], max_pixels=max_pixels, bytes_per_pixel=dataset.dtype.itemsize)
    pixels = np.ascontiguousarray(dataset[plane.index])
    x, y = (None if one is None else length_nm(repr(float(one)), plane.unit) for one in plane.size)
    said = sized(x, y, plane.vendor)
    return DecodedImage(
        pixels=pixels.astype(pixels.dtype.newbyteorder("="), copy=False),
        format="hdf5",
        bit_depth=8 * dataset.dtype.itemsize,
        pages=int(dataset.size // (kept[0] * kept[1])),
        nm_per_px=said.nm_per_px,
        metadata=dict(said.fields),
    )


def _groups(file: Any, path: str) -> list[Any]:
    """The groups in a group, in the order of their names."""
    import h5py

    parent = file.get(path)
    found = parent.values() if isinstance(parent, h5py.Group) else ()
    return [one for one in found if isinstance(one, h5py.Group)]


def _data(group: Any, path: str, dimensions: tuple[int, ...]) -> Any:
    """A dataset of one of these numbers of dimensions, with a pixel at least; None without one."""
    import h5py

    found = group.get(path)
    is_one = isinstance(found, h5py.Dataset) and found.shape is not None and len(found.shape) in dimensions
    return found if is_one and found.size else None


def _velox(file: Any) -> Iterator[_Plane]:
    """Velox: rows, columns and frames under ``Data/Image``, with settings as JSON for each frame."""
    for group in _groups(file, "Data/Image"):
        dataset = _data(group, "Data", (3,))
        if dataset is None:
            continue
        said = _settings(group).get("BinaryResult", {})
        size = said.get("PixelSize", {})
        unit = str(said.get("PixelUnitX", ""))
        width, height = (_number(size.get(side)) for side in ("width", "height"))
        yield _Plane(dataset, (slice(None), slice(None), 0), (width, height), unit, "FEI/Thermo")


def _settings(group: Any) -> dict[str, Any]:
    """The settings of an image's first frame; empty where they are damaged or missing."""
    stored = _data(group, "Metadata", (2,))
    if stored is None or stored.shape[0] > _MOST_METADATA:
        return {}
    text = bytes(np.asarray(stored[:, 0], np.uint8)).partition(b"\0")[0]
    try:
        found = json.loads(text.decode("utf-8", errors="replace"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _ncem(file: Any) -> Iterator[_Plane]:
    """NCEM's EMD: groups that say ``emd_group_type = 1``, with ``data`` and a vector for each of its dimensions."""
    for group in _marked(file):
        dataset = _data(group, "data", (2, 3))
        if dataset is None:
            continue
        across, down = (group.get(f"dim{dataset.ndim - away}") for away in (0, 1))
        unit = _text(across.attrs.get("units", "")) if across is not None else ""
        index = (*(0,) * (dataset.ndim - 2), slice(None), slice(None))
        # Units are written as products: [n_m].
        yield _Plane(dataset, index, (_step(across), _step(down)), unit.strip("[] ").replace("_", ""), "")


def _marked(file: Any) -> list[Any]:
    import h5py

    found: list[Any] = []

    def look(_: str, node: Any) -> None:
        if isinstance(node, h5py.Group) and _number(node.attrs.get("emd_group_type")) == 1:
            found.append(node)

    file.visititems(look)
    return found


def _step(vector: Any) -> float | None:
    """What one pixel measures along a dimension: the difference of the first two values of its vector."""
    if vector is None or getattr(vector, "shape", None) is None or len(vector.shape) != 1 or vector.shape[0] < 2:
        return None
    first, second = (float(one) for one in vector[:2])
    return second - first


def _dm5(file: Any) -> Iterator[_Plane]:
    """DM5: the tags of DM4 as groups and attributes; the largest image, as the other one is a thumbnail."""
    images = [one["ImageData"] for one in _groups(file, "ImageList") if "ImageData" in one]
    pictures = [(one, _data(one, "Data", (2, 3))) for one in images]
    for image, dataset in sorted((one for one in pictures if one[1] is not None), key=lambda one: -int(one[1].size)):
        tags = [image.get(f"Calibrations/Dimension/[{axis}]") for axis in (0, 1)]
        size = [None if one is None else _number(one.attrs.get("Scale")) for one in tags]
        unit = "" if tags[0] is None else _text(tags[0].attrs.get("Units", ""))
        index = (*(0,) * (dataset.ndim - 2), slice(None), slice(None))
        yield _Plane(dataset, index, (size[0], size[1]), unit, "Gatan")


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


_LAYOUTS: Final[tuple[Callable[[Any], Iterator[_Plane]], ...]] = (_velox, _ncem, _dm5)
