"""Ten thousand damaged files, decoded as production does it: none crashes, hangs, or takes more than it may.

Small files of every kind are mutated (bits, header fields, cuts, repeats, splices with another kind); each goes through
`run_isolated` to `summarise_picture`. A crash of the child or a file that runs out of time or memory is a failure: with
pictures of 64 x 48 pixels there is no reason for any. `SEMCORPUS_FUZZ` gives another number of files, or another seed
after a colon, for longer runs.
"""

import os
import struct
import time
from functools import partial

import numpy as np
import pytest

from pipeline.demo.heap.containers import DJVU_BYTES, LOSSLESS, OTHERS
from pipeline.demo.heap.hostile import HOSTILE
from pipeline.errors import ImageError
from pipeline.imaging.formats.decode import DECODERS
from pipeline.imaging.formats.sniff import sniff_format
from pipeline.imaging.isolation.decoding import Limits, run_isolated
from pipeline.imaging.summary import summarise_picture
from tests.imaging.formats.hdf5_files import dm5, ncem, velox

FILES, SEED = (int(part) for part in (os.environ.get("SEMCORPUS_FUZZ", "10000") + ":0").split(":")[:2])
LIMITS = Limits(seconds=10.0, memory_bytes=256 << 20)
MAX_PIXELS = 1_000_000
SLOWEST_SECONDS = 5.0
PARTS = 8
# Every decoder gets as many files as any other; TIFF's has the most ways through it.
SHARES = dict.fromkeys(DECODERS, 1.0) | {"tiff": 3.0}
OTHER_SHARE = 0.5

_GRAY = np.random.default_rng(1).normal(128, 30, (48, 64)).clip(4, 248).astype(np.uint8)
_INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def _seeds() -> dict[str, list[bytes]]:
    """Files of every kind, by the format that their content says; what says none under the empty text."""
    kinds = [
        DJVU_BYTES,
        *(write(_GRAY) for write in (velox, ncem, dm5)),
        *(kind.write(_GRAY) for kind in (*LOSSLESS.values(), *OTHERS.values())),
    ]
    kinds += [kind.make(_GRAY) for name, kind in HOSTILE.items() if name != "pdf zip bomb"]
    seeds: dict[str, list[bytes]] = {}
    for data in kinds:
        seeds.setdefault(sniff_format(data) or "", []).append(data)
    return seeds


def test_there_are_files_for_every_decoder() -> None:
    assert set(_seeds()) == {*DECODERS, ""}


def _mutated(rng: np.random.Generator, seeds: dict[str, list[bytes]]) -> bytes:
    """One file with one to four mutations, most of them among its first 400 bytes, where headers are."""
    kinds = sorted(seeds)
    shares = np.array([SHARES.get(kind, OTHER_SHARE) for kind in kinds])
    of_kind = seeds[kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]]
    every = [data for kind in kinds for data in seeds[kind]]
    data = bytearray(of_kind[int(rng.integers(len(of_kind)))])
    for _ in range(int(rng.integers(1, 5))):
        if not data:
            break
        place = int(rng.integers(min(400, len(data)) if rng.random() < 0.7 else len(data)))
        _mutate(rng, data, place, every)
    return bytes(data)


def _mutate(rng: np.random.Generator, data: bytearray, place: int, seeds: list[bytes]) -> None:
    way = int(rng.integers(7))
    if way == 0:
        data[place] ^= 1 << int(rng.integers(8))
    elif way == 1:
        data[place] = int(rng.integers(256))
    elif way == 2:  # a header field of two or four bytes in either byte order
        value = _INTERESTING[int(rng.integers(len(_INTERESTING)))]
        field = struct.pack(("<H", ">H", "<I", ">I")[int(rng.integers(4))][0] + "I", value)[
            : (2, 4)[int(rng.integers(2))]
        ]
        data[place : place + len(field)] = field
    elif way == 3:
        del data[place:]
    elif way == 4:
        del data[place : place + int(rng.integers(1, 64))]
    elif way == 5:
        data[place:place] = data[place : place + int(rng.integers(1, 64))]
    else:
        other = seeds[int(rng.integers(len(seeds)))]
        start = int(rng.integers(len(other)))
        data[place:] = other[start:]


@pytest.mark.parametrize("part", range(PARTS))
def test_no_mutated_file_crashes_hangs_or_eats_memory(part: int) -> None:
    seeds = _seeds()
    decode = partial(summarise_picture, max_pixels=MAX_PIXELS)
    harmful: list[str] = []
    decoded = 0
    for number in range(part, FILES, PARTS):
        data = _mutated(np.random.default_rng((SEED, number)), seeds)
        began = time.monotonic()
        try:
            run_isolated(decode, data, limits=LIMITS)
            decoded += 1
        except ImageError as error:
            if any(word in str(error) for word in ("crashed", "did not finish", "of memory", "ended the process")):
                harmful.append(f"file {number}: {error}")
        except Exception as error:
            harmful.append(f"file {number}: {error!r} is no ImageError")
        if time.monotonic() - began > SLOWEST_SECONDS:
            harmful.append(f"file {number}: took {time.monotonic() - began:.1f} s")
    assert harmful == []
    assert decoded > FILES / PARTS / 50, "hardly any of the files is still a picture: the mutations are too coarse"
