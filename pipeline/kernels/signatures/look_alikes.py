"""Pictures that look alike, as they are or turned, as groups that a split must not part."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.signatures.candidate_pairs import near_signature_pairs
from pipeline.kernels.signatures.turned_pairs import turned_pairs
from pipeline.kernels.union_find import connected_components


def look_alike_groups(
    signatures: NDArray[np.uint8], squares: NDArray[np.uint8], *, tolerance: int, crowd: int
) -> NDArray[np.int64]:
    """The smallest row of the look-alikes that each picture is linked to, itself where there are none; int64 [n].

    Parameters
    ----------
    signatures : uint8 [n, pixels]
    squares : uint8 [n, size, size]
    tolerance, crowd
        See `near_signature_pairs`: pictures that many others resemble (empty frames) are linked to fewer of them.
    """
    pairs = np.concatenate(
        [
            near_signature_pairs(signatures, tolerance=tolerance, crowd=crowd).pairs,
            turned_pairs(squares, tolerance=tolerance, crowd=crowd),
        ]
    )
    return connected_components(len(signatures), [(int(a), int(b)) for a, b in pairs.tolist()])
