"""Placing new points into a layout that exists."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.neighbours.nearest import query_neighbours

PLACED_BY = 10
"""Nearest laid-out vectors that decide where a new one is put."""


def place(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], coordinates: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Put new vectors among those that are laid out.

    A vector is put at the median, coordinate by coordinate, of its 10 nearest laid-out vectors; the copy of a laid-out
    vector on that one (of several copies on the first). No new vector influences another.

    Parameters
    ----------
    queries : float32 [Q, D]
    vectors : float32 [N, D]
        Those that are laid out; at least one.
    coordinates : float32 [N, d]

    Returns
    -------
    float32 [Q, d]

    Notes
    -----
    A median stays within a group where a mean of neighbours in two groups would fall between them; openTSNE begins
    here, too (Policar et al. 2024, doi:10.18637/jss.v109.i03). Time: 2 Q N D operations.

    Examples
    --------
    >>> place(np.float32([[2]]), np.float32([[1], [2], [3]]), np.float32([[0, 1], [5, 5], [9, 1]])).tolist()
    [[5.0, 5.0]]
    """
    indices, distances = query_neighbours(queries, vectors, PLACED_BY)
    found = np.median(coordinates[indices], axis=1)
    copies = distances[:, 0] == 0
    found[copies] = coordinates[indices[copies, 0]]
    return found.astype(np.float32)
