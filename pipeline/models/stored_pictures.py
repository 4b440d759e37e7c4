"""Pictures of a training in a file, read a batch at a time: memory does not grow with their number."""

import os
import tempfile
import weakref
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StorageError


class Pictures(Protocol):
    """What a training needs of its pictures, uint8 [N, H, W]: an array, or `StoredPictures`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """N, height, width."""

    @property
    def ndim(self) -> int:
        """3."""

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """uint8."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, places: NDArray[np.int64], /) -> NDArray[np.uint8]:
        """Some pictures, uint8 [n, H, W], in the order of their places, int64 [n]."""


class StoredPictures:
    """Squares in a file without a name, which is gone with this object or its process.

    Parameters
    ----------
    count, side : int
        How many, and how large; all of them are written before any is read.
    """

    def __init__(self, count: int, side: int) -> None:
        self.shape = (count, side, side)
        self.ndim = 3
        self.dtype = np.dtype(np.uint8)
        self._bytes = side * side
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as this object)
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self.shape[0]

    def write(self, first: int, pictures: NDArray[np.uint8]) -> None:
        """Put pictures, uint8 [n, side, side], from place ``first`` on.

        Raises
        ------
        StorageError
            There is no room for them.
        """
        try:
            rest, place = np.ascontiguousarray(pictures).reshape(-1), first * self._bytes
            while len(rest):
                written = os.pwrite(self._file.fileno(), rest.data, place)
                rest, place = rest[written:], place + written
        except OSError as error:
            size = len(self) * self._bytes / 1e9
            raise StorageError(
                f"The {len(self):,} pictures that a network is trained on take {size:.1f} GB in "
                f"{tempfile.gettempdir()}, and cannot be written there ({error.strerror}). Make room, set TMPDIR to "
                "another folder, or lower max_training_images."
            ) from error

    def __getitem__(self, places: NDArray[np.int64], /) -> NDArray[np.uint8]:
        found = np.empty((len(places), *self.shape[1:]), np.uint8)
        for picture, place in zip(found, places.tolist(), strict=True):
            read = os.preadv(self._file.fileno(), [picture.data], place * self._bytes)
            assert read == self._bytes, "it has been written"
        return found
