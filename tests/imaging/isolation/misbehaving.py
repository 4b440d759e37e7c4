"""Stand-ins for a decoder that crashes, hangs or eats memory on files that say so; runs in the child process."""

import ctypes
import os
import time

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError
from pipeline.imaging.summary import PictureSummary, summarise_picture

CRASH, HANG, EAT, END, BREAK = (b"please " + word for word in (b"crash", b"hang", b"eat memory", b"end", b"break"))


def misbehave(data: bytes) -> None:
    """Do what the last bytes of a file ask for."""
    if data.endswith(CRASH):
        ctypes.string_at(0)
    if data.endswith(HANG):
        while True:
            time.sleep(3600)
    if data.endswith(EAT):
        eaten = [np.ones(1 << 24) for _ in range(10_000)]
        raise AssertionError(f"{len(eaten)} blocks of 128 MiB were not refused")
    if data.endswith(END):
        os._exit(3)
    if data.endswith(BREAK):
        raise CorruptImageError("broken as asked")


def process_of(data: bytes) -> tuple[int, int]:
    """The process' number and the file's size, unless the file asks for something else."""
    misbehave(data)
    return os.getpid(), len(data)


def summarise_or_misbehave(data: bytes, *, max_pixels: int) -> PictureSummary:
    """`summarise_picture`, unless the file asks for something else."""
    misbehave(data)
    return summarise_picture(data, max_pixels=max_pixels)


def calculate(data: bytes) -> None:
    """Keep a core busy for so many seconds of its time."""
    until = time.process_time() + float(data)
    while time.process_time() < until:
        pass


def repeat(data: bytes) -> bytes:
    """So many bytes as the file says."""
    return b"y" * int(data)


def say_much(data: bytes) -> int:
    """Print to all that can be printed to, as C libraries do."""
    for place in (1, 2):
        os.write(place, b"warning: " + data)
    return len(data)


def gray_or_misbehave(data: bytes, *, max_pixels: int) -> NDArray[np.uint8]:
    """`decode_gray`, unless the file asks for something else."""
    from pipeline.imaging.gray_file import decode_gray  # Numba comes with it, which most children do not need

    misbehave(data)
    return decode_gray(data, max_pixels=max_pixels)


def note_and_summarise(data: bytes, *, max_pixels: int, notes: str) -> PictureSummary:
    """`summarise_or_misbehave`, with a byte more in the file ``notes`` each time."""
    with open(notes, "ab") as file:
        file.write(b".")
    return summarise_or_misbehave(data, max_pixels=max_pixels)
