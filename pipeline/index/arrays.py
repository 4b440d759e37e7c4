"""Arrays and attributes of the store with the types that they were written in: what is read is checked, not assumed.

Zarr itself says of an array's values no more than that they are something like an array, and of an attribute that it
is JSON. Everything that reads the store goes through here or through `tables` and `rows`.
"""

from types import EllipsisType
from typing import Protocol, TypeVar, cast

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.errors import IndexFormatError
from pipeline.json_values import Json, JsonObject
from pipeline.storage.failures import storage_failures

Scalar = TypeVar("Scalar", bound=np.generic)
Where = int | slice | EllipsisType | tuple[int | slice, ...]


class StoredArray(Protocol[Scalar]):
    """An array of the store whose values have one type."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole array."""

    @property
    def chunks(self) -> tuple[int, ...]:
        """Of what is read at once."""

    @property
    def shards(self) -> tuple[int, ...] | None:
        """Of what is written at once; None where that is a chunk."""

    @property
    def dtype(self) -> np.dtype[Scalar]:
        """Of a value."""

    @property
    def fill_value(self) -> Scalar:
        """What stands where nothing was written."""

    @property
    def basename(self) -> str:
        """Its name in its group."""

    @property
    def path(self) -> str:
        """Its place in the store."""

    def __getitem__(self, where: Where, /) -> NDArray[Scalar]:
        """Read a part into memory."""

    def __setitem__(self, where: Where, values: NDArray[Scalar] | Scalar, /) -> None:
        """Write a part."""

    def resize(self, shape: tuple[int, ...], /) -> None:
        """Grow or cut it."""


def find_array(root: zarr.Group, path: str, kind: type[Scalar]) -> StoredArray[Scalar] | None:
    """The array at ``path``; None where there is none.

    Parameters
    ----------
    root : zarr.Group
    path : str
        From ``root``, for example ``scale/nm_per_px``.
    kind : type
        NumPy's type of its values.

    Raises
    ------
    IndexFormatError
        The values are of another type.
    StorageError
        The store cannot be read.
    """
    found = find_values(root, path)
    if found is None:
        return None
    if found.dtype.type is not kind:
        raise IndexFormatError(
            f"The array {path} of the index holds {found.dtype}, and {kind.__name__} was expected: another version of "
            "semcorpus, or another program, has written it."
        )
    return cast(StoredArray[Scalar], found)


def find_values(root: zarr.Group, path: str) -> StoredArray[np.generic] | None:
    """As `find_array`, for values of whatever type, texts too."""
    with storage_failures("reading", path):
        found = root.get(path)
    return cast(StoredArray[np.generic], found) if isinstance(found, zarr.Array) else None


def open_array(root: zarr.Group, path: str, kind: type[Scalar]) -> StoredArray[Scalar]:
    """As `find_array`; an array that is not there is an `IndexFormatError`, since the caller has seen its group."""
    return _there(find_array(root, path, kind), path)


def open_values(root: zarr.Group, path: str) -> StoredArray[np.generic]:
    """As `open_array`, for values of whatever type, texts too."""
    return _there(find_values(root, path), path)


def _there(found: StoredArray[Scalar] | None, path: str) -> StoredArray[Scalar]:
    if found is None:
        raise IndexFormatError(
            f"The index holds no array {path}, though its tables speak of it; `semcorpus verify INDEX` looks closer."
        )
    return found


def arrays_of(root: zarr.Group, group: str) -> dict[str, StoredArray[np.generic]]:
    """The arrays of a group by name; none where there is no such group."""
    with storage_failures("reading", group):
        found = root.get(group)
        if not isinstance(found, zarr.Group):
            return {}
        return {name: cast(StoredArray[np.generic], array) for name, array in found.arrays()}


def read_array(root: zarr.Group, path: str, kind: type[Scalar]) -> NDArray[Scalar]:
    """All values of an array that is there."""
    with storage_failures("reading", path):
        return open_array(root, path, kind)[:]


def read_strings(root: zarr.Group, path: str) -> NDArray[np.object_]:
    """All values of an array of texts that is there, as objects."""
    with storage_failures("reading", path):
        return open_values(root, path)[:].astype(object)


def read_floats(root: zarr.Group, path: str) -> NDArray[np.float32] | NDArray[np.float64]:
    """All values of an array of float32 or float64 that is there."""
    if open_values(root, path).dtype == np.float32:
        return read_array(root, path, np.float32)
    return read_array(root, path, np.float64)


def attributes_of(root: zarr.Group, group: str) -> JsonObject:
    """The attributes of a group; none where there is no such group."""
    with storage_failures("reading", group):
        found = root.get(group)
        return dict(found.attrs) if isinstance(found, zarr.Group) else {}


def set_attributes(root: zarr.Group, group: str, values: JsonObject) -> None:
    """Set attributes of a group, which is made where it does not exist; others keep their values."""
    root.require_group(group).attrs.update(values)


def whole_number(attributes: JsonObject, name: str, default: int | None = None) -> int:
    """An attribute that is a whole number.

    Raises
    ------
    IndexFormatError
        It is none, or it is missing and there is no default.
    """
    found = attributes.get(name, default)
    if not isinstance(found, int):
        raise IndexFormatError(f"The attribute {name} of the index is {found!r}, and a whole number was expected.")
    return found


def texts_by_name(attributes: JsonObject, name: str) -> dict[str, str]:
    """An attribute that holds texts by name; empty where it is missing."""
    return {key: str(value) for key, value in _object(attributes, name).items()}


def numbers_by_name(attributes: JsonObject, name: str) -> dict[str, int]:
    """An attribute that holds whole numbers by name; empty where it is missing."""
    values = _object(attributes, name)
    return {key: whole_number(values, key) for key in values}


def _object(attributes: JsonObject, name: str) -> dict[str, Json]:
    found = attributes.get(name, {})
    if not isinstance(found, dict):
        raise IndexFormatError(f"The attribute {name} of the index is {found!r}, and a JSON object was expected.")
    return found
