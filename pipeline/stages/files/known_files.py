"""The files that the last walk has found, as columns: what a listing is compared with."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import zarr
from numpy.typing import NDArray

from pipeline.corpus.listing import texts
from pipeline.index.tables import column_of, read_table, read_texts
from pipeline.stages.files.ledger import FILES
from pipeline.stages.files.refusals import read_limits
from pipeline.stages.files.tables import LEDGER

LEFT_OUT: Final = "left_out"
"""Status of a link out of the corpus that is not followed."""


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """The ledger as far as the planning of a walk needs it, as columns.

    Attributes
    ----------
    path, etag : pyarrow.LargeStringArray
    status, limit : ndarray of str [n]
    size_bytes, modified_ns : int64 [n]
    """

    path: pa.LargeStringArray
    status: NDArray[np.generic]
    limit: NDArray[np.generic]
    size_bytes: NDArray[np.int64]
    modified_ns: NDArray[np.int64]
    etag: pa.LargeStringArray

    @classmethod
    def read(cls, root: zarr.Group) -> "KnownFiles":
        """Of an index; without rows where nothing was walked."""
        names = ("status", "size_bytes", "modified_ns")
        numbers = read_table(root, FILES, *names) or LEDGER.empty(0, *names)
        path, etag = read_texts(root, FILES, "path"), read_texts(root, FILES, "etag")
        if len(etag) < len(path):  # a ledger from before there were etags
            etag = pa.concat_arrays([etag, texts([""] * (len(path) - len(etag)))])
        size, modified = (column_of(numbers, name, np.int64) for name in ("size_bytes", "modified_ns"))
        return cls(path, column_of(numbers, "status", np.object_), read_limits(root), size, modified, etag)
