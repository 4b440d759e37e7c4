"""Containers of arrays: NumPy's ``.npz`` files, whose arrays have a row for each of the same things."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, ImageTooLargeError, UnsupportedImageError

SUFFIX: Final = ".npz"

Arrays = Mapping[str, NDArray[np.generic]]


def is_container(path: str) -> bool:
    """Whether a path is that of a container.

    Examples
    --------
    >>> is_container("spectra.npz"), is_container("picture.png")
    (True, False)
    """
    return path.lower().endswith(SUFFIX)


def read_container(data: bytes, *, max_bytes: int) -> dict[str, NDArray[np.generic]]:
    """The arrays of a container by name; nothing in it is executed.

    Parameters
    ----------
    data : bytes
        Of an ``.npz`` file.
    max_bytes : int
        The arrays may take so many bytes together.

    Returns
    -------
    dict of str to array [n, ...]
        All of one length n.

    Raises
    ------
    CorruptImageError
        No zip file of arrays, or they differ in length.
    ImageTooLargeError
        They take more than ``max_bytes``.
    UnsupportedImageError
        It holds Python objects, which would have to be executed, or no array.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > max_bytes:
            raise ImageTooLargeError(f"its arrays take {size} bytes; the limit is {max_bytes}", limit="max_bytes")
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            arrays = {name: found[name] for name in sorted(found.files)}
    except ValueError as error:
        if isinstance(error, ImageTooLargeError):
            raise
        raise UnsupportedImageError(f"arrays of Python objects are not read ({error})") from error
    except (zipfile.BadZipFile, OSError, EOFError, KeyError) as error:
        raise CorruptImageError(f"no container of arrays: {error}") from error
    lengths = {name: array.shape[0] if array.ndim else 0 for name, array in arrays.items()}
    if not arrays or not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise UnsupportedImageError("a container without arrays")
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise CorruptImageError(f"its arrays must have a row for each of the same things; they have {said}")
    return arrays


def member_content(arrays: Arrays, place: str, row: int) -> bytes:
    """The bytes that stand for a row of a container, counted from 0.

    Its place is among them: two measurements may give equal numbers and are still two.
    """
    parts = [f"{place}\0{row}\0".encode()]
    for name, array in sorted(arrays.items()):
        parts += [
            f"{name}\0{array.dtype.str}\0{array.shape[1:]}\0".encode(),
            np.ascontiguousarray(array[row]).tobytes(),
        ]
    return b"".join(parts)


def member_md5(arrays: Arrays, place: str, row: int) -> bytes:
    """The 16-byte MD5 of `member_content`."""
    return hashlib.md5(member_content(arrays, place, row), usedforsecurity=False).digest()
