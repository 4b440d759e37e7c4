"""Candidate pairs of look-alike pictures from their small signatures, without comparing all with all."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.signatures.grid import Found, Search, as_words, find_partners, rows_around


@dataclass(frozen=True, slots=True)
class NearPairs:
    """What `near_signature_pairs` found.

    Attributes
    ----------
    pairs : ndarray of int64, [pairs, 2]
        Rows (a < b), sorted by first, then second row.
    crowded : ndarray of int64
        Rows that look like so many others that their signatures do not tell them apart; ascending.
    """

    pairs: NDArray[np.int64]
    crowded: NDArray[np.int64]


def near_signature_pairs(
    signatures: NDArray[np.uint8], *, tolerance: int, crowd: int, new: NDArray[np.bool_] | None = None
) -> NearPairs:
    """Pairs (a < b) whose signatures differ by at most ``tolerance`` gray levels anywhere.

    Exact but for the crowds: no such pair is missed unless both rows have at least ``crowd`` partners. Rows are laid
    into grids by what tells them best (`pipeline.kernels.signatures.grid`); within neighbouring cells some values are
    compared until one differs too much, and whole signatures only where none does.

    Parameters
    ----------
    signatures : ndarray of uint8, [n, pixels]
    tolerance : int
        Gray levels.
    crowd : int
        A row with so many partners is crowded, and a pair of two crowded rows is left out: the pairs are at most
        ``n * crowd``.
    new : ndarray of bool, [n], optional
        Only pairs with a row of these; all pairs by default. Crowded rows are told among these and their partners.

    Returns
    -------
    NearPairs
        Pictures of one gray level throughout are never paired: their signature says nothing.

    Notes
    -----
    Memory O(n * crowd) at worst. Time O(n log n) for sorting, and then the (new) rows times the rows in the 27 cells
    around each, until a crowd is met: `benchmarks.look_alikes` measures it, for nearly empty pictures as well.

    Examples
    --------
    >>> signatures = np.array([[0, 9], [50, 50], [1, 8], [9, 9]], np.uint8)
    >>> near_signature_pairs(signatures, tolerance=1, crowd=64).pairs.tolist()
    [[0, 2]]
    """
    rows = _telling_rows(signatures)
    wanted = np.ones(len(rows), bool) if new is None else new[rows]
    if len(rows) < 2 or not wanted.any():
        return NearPairs(np.empty((0, 2), np.int64), np.empty(0, np.int64))
    search = Search(signatures, as_words(signatures), tolerance, crowd, np.ones(len(signatures), bool))
    parts = list(find_partners(search, rows, wanted))
    crowded = np.concatenate([part for _, part in parts])
    if not wanted.all() and len(crowded):
        # Who looks like a crowded new row may be in no crowd itself, and then the pair counts.
        asked = rows_around(search, rows, np.isin(rows, crowded)) & ~wanted
        if asked.any():
            parts += find_partners(replace(search, noted=_mask(rows[wanted], len(signatures))), rows, asked)
    return _merged(parts)


def _mask(rows: NDArray[np.int64], length: int) -> NDArray[np.bool_]:
    found = np.zeros(length, bool)
    found[rows] = True
    return found


def _merged(parts: Iterable[Found]) -> NearPairs:
    pairs, crowded = zip(*parts, strict=True)
    return NearPairs(np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0), np.sort(np.concatenate(crowded)))


def shared_value_pairs(values: NDArray[np.uint64], *, most: int, least: int = 1) -> NDArray[np.int64]:
    """Pairs (a < b) of rows that have values other than 0 in common, at the same places.

    Parameters
    ----------
    values : ndarray of uint64, [n, places]
        Zeros say nothing.
    most : int
        A value that more rows share says nothing either: so each row has at most ``places * most`` partners.
    least : int
        Places at which the two must agree; all that say something, where one of the two has fewer.

    Returns
    -------
    ndarray of int64, [pairs, 2]
        Sorted by first, then second row.

    Examples
    --------
    >>> shared_value_pairs(np.array([[7, 0], [7, 5], [0, 5], [0, 7]], np.uint64), most=10).tolist()
    [[0, 1], [1, 2]]
    """
    found = [pair for column in values.T for pair in _sharing(column, most)] if len(values) else []
    if not found:
        return np.empty((0, 2), np.int64)
    pairs, agreeing = np.unique(np.concatenate(found), axis=0, return_counts=True)
    telling = np.count_nonzero(values, axis=1)
    needed = np.minimum(least, np.minimum(telling[pairs[:, 0]], telling[pairs[:, 1]]))
    kept: NDArray[np.int64] = pairs[agreeing >= needed]
    return kept


def _sharing(column: NDArray[np.uint64], most: int) -> Iterator[NDArray[np.int64]]:
    """Pairs of rows with the same value, a group of equal values at a time."""
    order = np.argsort(column, kind="stable")
    starts = np.flatnonzero(np.diff(column[order], prepend=~column[order[:1]]) != 0)
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(order)], strict=True):
        if 2 <= stop - start <= most and column[order[start]]:
            first, second = np.triu_indices(stop - start, 1)
            members = order[start:stop].astype(np.int64)
            yield np.stack([members[first], members[second]], axis=1)


def _telling_rows(signatures: NDArray[np.uint8]) -> NDArray[np.int64]:
    if not signatures.size:
        return np.empty(0, np.int64)
    return np.flatnonzero(signatures.max(axis=1) > signatures.min(axis=1)).astype(np.int64)
