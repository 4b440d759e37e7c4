"""Keys: content, settings and stage version boiled down to a number, so that only what is missing is done."""

import hashlib
import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.stage_list import VERSIONS


def stage_key(stage: str, settings: Mapping[str, object], *upstream: int | str) -> int:
    """A positive 63-bit number that changes with anything that would change a result.

    Parameters
    ----------
    stage
        The stage's name; the version of its method (`pipeline.stage_list`) is part of the key.
    settings
        JSON-like settings; their order does not matter.
    upstream
        Keys or fingerprints of what the stage reads.

    Examples
    --------
    >>> stage_key("scale", {"a": 1, "b": 2}) == stage_key("scale", {"b": 2, "a": 1})
    True
    """
    text = json.dumps([stage, VERSIONS[stage], settings, upstream], sort_keys=True, default=list)
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
    return number or 1


def content_key(*arrays: NDArray[np.generic]) -> int:
    """A positive 63-bit number for the contents of arrays (types and shapes included); text arrays are allowed."""
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        values = np.asarray(array)
        if values.dtype.kind in "UTO":
            data = "\0".join(str(value) for value in values.ravel()).encode("utf-8", "surrogateescape")
        else:
            data = np.ascontiguousarray(values).tobytes()
        digest.update(f"{values.dtype.kind}{values.shape}{len(data)}".encode())
        digest.update(data)
    return (int.from_bytes(digest.digest(), "big") >> 1) or 1


def random_seed(seed: int, *names: int | str) -> int:
    """A 32-bit seed derived from the user's seed and what it is for."""
    text = json.dumps([seed, *names])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def scale_key(recipe: Recipe) -> int:
    """Key of a scale reading."""
    return stage_key("scale", recipe.scale.model_dump())


def pixels_key(recipe: Recipe) -> int:
    """Key of a network-sized picture; with the data bar cut off it rests on the scale reader too."""
    if not crops_bar(recipe):
        return stage_key("pixels", recipe.pixels.model_dump() | {"crop_bar": False})
    return stage_key("pixels", recipe.pixels.model_dump(), scale_key(recipe))


def crops_bar(recipe: Recipe) -> bool:
    """Whether the data bar is cut off; only where it is looked for."""
    return recipe.pixels.crop_bar and recipe.scale.enabled
