"""Random streams that depend on a seed and a name only, so that adding a picture changes no other."""

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator that belongs to ``seed`` and ``names``.

    Parameters
    ----------
    seed : int
        The corpus's seed, any integer.
    *names : str or int
        What the numbers are for, e.g. ``"particles", 3, "texture"``. Order matters.

    Examples
    --------
    >>> stream(0, "tips", 1).integers(100) == stream(0, "tips", 1).integers(100)
    np.True_
    """
    key = "\x1f".join(str(part) for part in (seed, *names))
    digest = hashlib.sha256(key.encode("utf-8")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
