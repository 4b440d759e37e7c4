"""A tree of sub-categories: groups of rows that are split again and again, each within itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError

Path = tuple[int, ...]
"""Where a node is: the number of its group, then that of its part, and so on."""


@dataclass(frozen=True, slots=True)
class Split:
    """How a node was divided.

    Attributes
    ----------
    labels : int32 [m]
        Parts of its rows, from 0; negative: in no part.
    silhouette : float
        Mean of the rows; NaN where it was not calculated.
    stability : float64 [number of parts]
        Of each part.
    """

    labels: NDArray[np.int32]
    silhouette: float
    stability: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Node:
    """One category.

    Attributes
    ----------
    path : tuple of int
    rows : int64 [m]
        All rows in it, its parts' included.
    n_children : int
        0 for a leaf.
    silhouette : float
        Of its split; NaN for a leaf.
    stability : float
        Of the category among its siblings; NaN for a group, which was given.
    reason : str
        Why it has no children; empty where it has some, and at the tree's depth.
    """

    path: Path
    rows: NDArray[np.int64]
    n_children: int
    silhouette: float
    stability: float
    reason: str = ""

    @property
    def level(self) -> int:
        """0 for a group."""
        return len(self.path) - 1


Splitter = Callable[[NDArray[np.int64], Path], Split | str]
"""Divides the rows of a node; where it cannot be divided it says why."""


def grow_tree(rows: NDArray[np.int64], number: int, split: Splitter, *, depth: int, fewest: int = 2) -> Iterator[Node]:
    """Divide a group of rows, its parts and so on: nodes in depth-first order, a parent before its children.

    Parameters
    ----------
    rows : int64 [m]
        The group's.
    number : int
        Of the group: the first part of all paths.
    split : callable
    depth : int
        Levels of parts below the group.
    fewest : int
        A node of fewer rows is not divided.

    Notes
    -----
    Rows that a split leaves in no part stay in the node and are in none of its children. A split into fewer than two
    parts is none.
    """
    return _grow(rows, (number,), float("nan"), split, depth, fewest)


def _grow(
    rows: NDArray[np.int64], path: Path, stability: float, split: Splitter, depth: int, fewest: int
) -> Iterator[Node]:
    found = _divide(rows, path, split, depth, fewest)
    if isinstance(found, str):
        yield Node(path, rows, 0, float("nan"), stability, found)
        return
    parts = int(found.labels.max()) + 1
    yield Node(path, rows, parts, found.silhouette, stability)
    for part in range(parts):
        inside = rows[found.labels == part]
        yield from _grow(inside, (*path, part), float(found.stability[part]), split, depth - 1, fewest)


def _divide(rows: NDArray[np.int64], path: Path, split: Splitter, depth: int, fewest: int) -> Split | str:
    if depth < 1:
        return ""
    if len(rows) < max(fewest, 2):
        return f"fewer than {max(fewest, 2)} points"
    found = split(rows, path)
    return "one part only" if isinstance(found, Split) and found.labels.max(initial=-1) < 1 else found


def parents_of(nodes: Sequence[Node]) -> NDArray[np.int64]:
    """Position of every node's parent: int64 [n]; -1 for a group.

    Raises
    ------
    UsageError
        A node stands before its parent, or without one.
    """
    places = {node.path: place for place, node in enumerate(nodes)}
    parents = np.array([places.get(node.path[:-1], -1) for node in nodes], np.int64)
    for place, node in enumerate(nodes):
        if node.level and not 0 <= parents[place] < place:
            raise UsageError(f"node {node.path} of a tree has no parent before it")
    return parents


def deepest_nodes(nodes: Sequence[Node], n_rows: int, level: int | None = None) -> NDArray[np.int64]:
    """The deepest node of every row, at most at ``level``: int64 [n_rows]; -1 for a row that is in no node."""
    found = np.full(n_rows, -1, np.int64)
    for place, node in enumerate(nodes):
        if level is None or node.level <= level:
            found[node.rows] = place
    return found
