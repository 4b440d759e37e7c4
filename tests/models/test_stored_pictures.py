"""Pictures in a file are those that were written, in whatever order they are asked for."""

import tempfile

import numpy as np
import pytest

from pipeline.errors import StorageError
from pipeline.models.stored_pictures import StoredPictures

PICTURES = np.random.default_rng(0).integers(0, 256, (7, 5, 5), dtype=np.uint8)


def test_pictures_come_back_in_the_order_of_their_places() -> None:
    stored = StoredPictures(7, 5)
    stored.write(0, PICTURES[:4])
    stored.write(4, PICTURES[4:])
    places = np.array([6, 0, 3, 3], np.int64)
    np.testing.assert_array_equal(stored[places], PICTURES[places])
    assert (len(stored), stored.shape, stored.ndim, stored.dtype) == (7, (7, 5, 5), 3, np.uint8)
    assert stored[np.empty(0, np.int64)].shape == (0, 5, 5)


def test_a_full_disk_is_said_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
        with pytest.raises(StorageError, match=r"7 pictures .* TMPDIR"):
            StoredPictures(7, 5).write(0, PICTURES)
