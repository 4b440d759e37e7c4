"""The preloaded library of `shim.c`: compiling it, what may go wrong in it, and what it has counted."""

import ctypes
import mmap
import shutil
import struct
import subprocess
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

from tests.conftest import skip_unless

SOURCE = Path(__file__).with_suffix(".c")
ALWAYS = 1 << 40
"""As the number of times: from the first one on."""

_WORDS = 9


class Call(IntFlag):
    """Kinds of calls, as in the source."""

    LOOK = 1
    MAKE = 2
    READ = 4
    WRITE = 8
    SYNC = 16
    RENAME = 32
    CLOCK = 64


CHANGES = Call.MAKE | Call.WRITE | Call.SYNC | Call.RENAME
SHORT, SLOW, JUMP, KILL, COUNT = -1, -2, -3, -4, 0


@dataclass(frozen=True, slots=True)
class Fault:
    """From the ``first`` call (1 is the next) of these kinds below a folder on, ``times`` calls go wrong.

    ``action`` is an errno or one of the constants; ``extra`` the microseconds of `SLOW` or the seconds of `JUMP`.
    """

    below: str
    calls: Call
    action: int
    first: int = 1
    times: int = 1
    extra: int = 0


def build(folder: Path) -> Path:
    """Compile the library into a folder."""
    skip_unless("cc", shutil.which("cc") is not None, "there is no C compiler")
    library = folder / "shim.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


def arm(control: str, fault: Fault) -> None:
    """Let it happen to this process, into which the library has been preloaded."""
    words = (fault.calls, fault.action, fault.first, fault.times, fault.extra)
    ctypes.CDLL(None).fault_arm(control.encode(), fault.below.encode(), *map(ctypes.c_long, words))


def new_control(path: Path) -> Path:
    """A file for `arm` that has counted nothing."""
    path.write_bytes(bytes(mmap.PAGESIZE))
    return path


def counted(control: Path) -> tuple[dict[Call, int], int]:
    """Calls of each kind, and how many of the chosen ones went wrong."""
    words = struct.unpack(f"{_WORDS}q", control.read_bytes()[: 8 * _WORDS])
    return dict(zip(Call, words, strict=False)), words[7]
