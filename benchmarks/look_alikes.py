"""Seconds of the exact search for look-alikes among the signatures of many pictures, nearly empty ones among them.

    python -m benchmarks.look_alikes --pictures 150000
    python -m benchmarks.look_alikes --pictures 1000000 --kinds different particles

The signatures are drawn, not taken from files: reading and decoding is the walk's share (`benchmarks.ingest`).
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from pipeline.kernels.signatures.candidate_pairs import near_signature_pairs
from pipeline.stages.duplicates.look_alikes import CROWD

Signatures = NDArray[np.uint8]

_SHAPE: Final = (24, 32)
_TOLERANCE: Final = 6
_BLOCK: Final = 4096


def different(rng: np.random.Generator, count: int) -> Signatures:
    """Pictures with relief and contrast of their own."""
    coarse = rng.normal(size=(count, 4, 5)).astype(np.float32)
    relief = np.stack([cv2.resize(one, _SHAPE[::-1], interpolation=cv2.INTER_CUBIC) for one in coarse])
    level, contrast = rng.uniform(60, 180, (count, 1, 1)), rng.uniform(5, 40, (count, 1, 1))
    return _levels(level + contrast * relief + rng.normal(0, 2, (count, *_SHAPE)).astype(np.float32))


def empty(rng: np.random.Generator, count: int) -> Signatures:
    """Frames of nothing, dark and noisy, which all look alike."""
    return _levels(rng.uniform(5, 40, (count, 1, 1)) + rng.normal(0, 0.7, (count, *_SHAPE)).astype(np.float32))


def particles(rng: np.random.Generator, count: int) -> Signatures:
    """Empty frames with one to three bright particles somewhere: alike almost everywhere, and all different."""
    found = empty(rng, count).reshape(count, *_SHAPE)
    for _ in range(3):
        there = np.flatnonzero(rng.random(count) < 0.6)
        top, left = rng.integers(0, _SHAPE[0] - 1, len(there)), rng.integers(0, _SHAPE[1] - 1, len(there))
        bright = rng.integers(20, 200, len(there)).astype(np.uint8)
        for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
            found[there, top + down, left + right] = bright
    return found.reshape(count, -1)


def copies(rng: np.random.Generator, count: int) -> Signatures:
    """Each picture twice, the second time as a JPEG of it would come out."""
    once = different(rng, -(-count // 2))
    again = np.clip(once.astype(np.int16) + rng.integers(-3, 4, once.shape), 0, 255).astype(np.uint8)
    return np.stack([once, again], axis=1).reshape(-1, once.shape[1])[:count]


def mixed(rng: np.random.Generator, count: int) -> Signatures:
    """A share as it may be: half of it copies, a tenth empty, a tenth with particles."""
    parts = [empty(rng, count // 10), particles(rng, count // 10)]
    parts.append(copies(rng, count - sum(map(len, parts))))
    return np.concatenate(parts)[rng.permutation(count)]


def _levels(values: NDArray[Any]) -> Signatures:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8).reshape(len(values), -1)


KINDS: Final[Mapping[str, Callable[[np.random.Generator, int], Signatures]]] = MappingProxyType(
    {kind.__name__: kind for kind in (different, copies, empty, particles, mixed)}
)


def draw(kind: str, count: int) -> Signatures:
    """``count`` signatures of a kind, uint8 [count, 768]; drawn in blocks, to spare memory."""
    blocks = (min(_BLOCK, count - start) for start in range(0, count, _BLOCK))
    return np.concatenate([KINDS[kind](np.random.default_rng((7, number)), n) for number, n in enumerate(blocks)])


def measure(count: int, *, kinds: Sequence[str], added: int) -> dict[str, Any]:
    """Search among ``count`` signatures of each kind, all anew, and then with ``added`` of them as the new ones.

    Returns
    -------
    dict
        ``machine``, and for each kind: ``seconds``, ``pairs``, ``crowded``, ``seconds_added``, ``peak_bytes`` (of the
        process so far).
    """
    _search(draw("copies", 64), None)  # compiled before the clock starts
    found: dict[str, Any] = {"machine": describe_machine(), "pictures": count, "added": added}
    for kind in kinds:
        signatures = draw(kind, count)
        all_anew, result = _search(signatures, None)
        some, _ = _search(signatures, np.arange(count) >= count - added)
        found[kind] = {
            "seconds": round(all_anew, 2),
            "seconds_added": round(some, 2),
            "pairs": len(result.pairs),
            "crowded": len(result.crowded),
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
    return found


def _search(signatures: Signatures, new: NDArray[np.bool_] | None) -> tuple[float, Any]:
    began = time.perf_counter()
    found = near_signature_pairs(signatures, tolerance=_TOLERANCE, crowd=CROWD, new=new)
    return time.perf_counter() - began, found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=150_000)
    parser.add_argument("--added", type=int, default=1000, help="so many of them are new in the second search")
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), default=list(KINDS))
    chosen = parser.parse_args(arguments)
    print(json.dumps(measure(chosen.pictures, kinds=chosen.kinds, added=chosen.added), indent=1))


if __name__ == "__main__":
    main()
