"""The child's side of `isolation`: a loop that reads a request, computes it, and answers.

Files come through shared memory, requests on standard input, and answers leave on standard output.
"""

import ctypes
import itertools
import mmap
import os
import pickle
import resource
import select
import signal
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from pipeline.errors import ImageError

LENGTH: Final = struct.Struct("<q")
"""What stands before each message: its length in bytes; negative for a message that lies in the shared memory."""

# Larger messages go through the shared memory: a pipe would need a switch of process for every 64 KiB.
_LARGEST_IN_PIPE: Final = 1 << 15

_ORPHAN_CHECK_MS: Final = 10_000
_SIGNAL_AT_PARENTS_DEATH: Final = 1  # PR_SET_PDEATHSIG of Linux' prctl
# A child that holds on to so much of the allowance after a file is replaced before it is at the expense of others.
_EXHAUSTED_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class Request:
    """Compute ``function`` of each of the files that lie one after the other in the shared memory."""

    function: Callable[[bytes], Any]
    sizes: tuple[int, ...]
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A value, the exception that the function raised, that the file needs more memory than it may have, or that the
    machine failed it, for which the value is the reason in words.

    What comes back is a ``value``: a list of an answer to each file.

    ``exhausted`` says that the child should be replaced.
    """

    kind: Literal["ready", "value", "error", "memory", "machine"]
    value: Any = None
    exhausted: bool = False


def main(shared: int) -> None:
    """Answer requests until the parent closes the pipe or is gone; files come through the descriptor ``shared``."""
    questions, answers = os.dup(0), os.dup(1)
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGKILL)  # also in the midst of a file
    if os.getppid() != parent:
        return
    _prepare_libraries()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _send(answers, Answer("ready"))
    with open(os.devnull, "r+b") as nothing:
        for standard in (0, 1, 2):  # libraries that print on files must not be taken for answers
            os.dup2(nothing.fileno(), standard)
    idle_bytes = _data_bytes()
    poll = select.poll()
    poll.register(questions, select.POLLIN)
    while True:
        if not poll.poll(_ORPHAN_CHECK_MS):
            if os.getppid() != parent:
                return
            continue
        head = _read(questions, LENGTH.size)
        if not head:
            return
        request: Request = pickle.loads(_read(questions, LENGTH.unpack(head)[0]))
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (idle_bytes + request.memory_bytes, hard))
        answers_to_files = _compute_each(request, shared)
        exhausted = _data_bytes() - idle_bytes > _EXHAUSTED_SHARE * request.memory_bytes
        _send(answers, Answer("value", answers_to_files, exhausted), shared)


def _prepare_libraries() -> None:
    """Load what decodes pictures before memory is measured, on one thread: other cores have other workers."""
    import cv2

    import pipeline.imaging.summary

    assert pipeline.imaging.summary
    cv2.setNumThreads(1)


def _compute_each(request: Request, shared: int) -> list[Answer]:
    ends = itertools.accumulate(request.sizes)
    found = [
        _compute(request.function, shared, size, end - size) for size, end in zip(request.sizes, ends, strict=True)
    ]
    if any(answer.kind == "memory" for answer in found) and not _machine_grants(request.memory_bytes):
        scarce = Answer("machine", f"it does not grant the {request.memory_bytes / 2**30:.3g} GiB that a file may take")
        return [scarce if answer.kind == "memory" else answer for answer in found]
    return found


def _compute(function: Callable[[bytes], Any], shared: int, size: int, start: int) -> Answer:
    try:
        return Answer("value", function(read_at(shared, size, start)))
    except MemoryError:
        return Answer("memory")
    except Exception as error:
        for cause in _causes(error):
            if isinstance(cause, MemoryError):
                return Answer("memory")
            # A decoder works on bytes: an error with a number of the system's is a full disk, or no more memory.
            if isinstance(cause, OSError) and cause.errno is not None:
                return Answer("machine", f"{cause.strerror}")
        return Answer("error", error if _survives_pickling(error) else RuntimeError(f"{error!r}"))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What an error of a file was raised from; other errors are defects, and speak for themselves."""
    cause = error if isinstance(error, OSError) else error.__cause__ if isinstance(error, ImageError) else None
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _machine_grants(size: int) -> bool:
    """Whether this process could have all the memory that a file may take; else a lack of it says nothing of the file.

    The rule of Linux' overcommitment, a limit of the address space and one of the data segment may all say no.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


def _survives_pickling(error: Exception) -> bool:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True


def read_at(place: int, size: int, start: int) -> bytes:
    """So many bytes of the shared memory."""
    data = os.pread(place, size, start)
    while len(data) < size:  # the system reads at most 2 GiB at a time
        data += os.pread(place, size - len(data), start + len(data))
    return data


def _read(place: int, size: int) -> bytes:
    parts = b""
    while len(parts) < size and (part := os.read(place, size - len(parts))):
        parts += part
    return parts


def _send(place: int, answer: Answer, shared: int = -1) -> None:
    try:
        message = pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        nothing = [Answer("memory")] * len(answer.value)
        message = pickle.dumps(Answer("value", nothing, exhausted=True))
    if shared >= 0 and len(message) > _LARGEST_IN_PIPE:
        write_at(shared, message, 0)
        message = LENGTH.pack(-len(message))
    else:
        message = LENGTH.pack(len(message)) + message
    view = memoryview(message)
    while view:
        view = view[os.write(place, view) :]


def write_at(place: int, data: bytes, start: int) -> None:
    """Put ``data`` into the shared memory."""
    view, done = memoryview(data), 0
    while done < len(view):
        done += os.pwrite(place, view[done:], start + done)


def _data_bytes() -> int:
    """What counts against ``RLIMIT_DATA`` (and the stack)."""
    with open("/proc/self/statm", "rb") as numbers:
        return int(numbers.read().split()[5]) * resource.getpagesize()
