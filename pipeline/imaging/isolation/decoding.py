"""Decoding in a process of its own, so that a decoder that crashes, hangs or eats memory costs one file and no more.

Every thread that asks keeps one long-lived child process (`isolated_process`), to which it hands one file after the
other. The bytes travel through shared memory, so that a file costs two copies and two switches of process (some 0.2 ms
a megabyte), and not a start. A child that died, or that was killed because it was late, is replaced.

A file is judged in a fresh process: a crash or a lack of memory in a child that has decoded other files before may be
their fault, and is tried once more in a new child. So what becomes of a file does not depend on those before it.

A file answers for what it does itself: for crashes, for memory beyond what it may have, and for processor time, which
does not depend on what else the machine has to do. What the machine does is no verdict on it: a child that somebody
kills (as the system does for want of memory), stops or starves, or that meets a full disk. Such a file is tried once
more in a new child, and then it is a `NotJudgedError`.

This protects the job from accidents. It is no wall against an attacker: the child has the rights of its parent.
"""

import atexit
import contextlib
import os
import pickle
import resource
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pipeline.errors import CorruptImageError, ImageTooLargeError, NotJudgedError
from pipeline.imaging.isolation.child import LENGTH, Answer, Request, read_at, write_at

Result = TypeVar("Result")

_START_SECONDS: Final = 120.0  # a cold network file system takes long to read all the libraries
_TRIES_AGAINST_MACHINE: Final = 2
_LONGEST_PAUSE_SECONDS: Final = 1.0  # between two looks at a child that works
_LEAST_SHARE: Final = 0.05  # of a processor; a child that gets less over all the time that it may take is starved
_KEPT_SHARED_BYTES: Final = 64 << 20
# By default glibc gives the memory of every picture back and takes it anew, a page fault for every 4 KiB: 0.9 ms for a
# picture of 1024 x 768 pixels, a fifth of all that its child does.
_KEPT_FREE_BYTES: Final = 64 << 20
_LARGEST_IN_HEAP: Final = 32 << 20
# Not `python -m`: the answers' class would then be one of `__main__`, which the parent does not know.
_PROGRAM: Final = "from pipeline.imaging.isolation.child import main; main({})"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost: seconds of a processor, and bytes of memory beyond what an idle child has."""

    seconds: float
    memory_bytes: int


def run_isolated(function: Callable[[bytes], Result], data: bytes, *, limits: Limits) -> Result:
    """``function(data)``, computed in a child process.

    Parameters
    ----------
    function : callable
        Of a module that can be imported (or a `functools.partial` of one): it is pickled by its name.
    data : bytes
        The whole file.
    limits : Limits

    Returns
    -------
    whatever ``function`` returns; it is pickled on the way.

    Raises
    ------
    CorruptImageError
        The decoder has crashed.
    ImageTooLargeError
        It needs more memory or processor time than the limits allow.
    NotJudgedError
        The machine has ended, stopped or failed the decoder, twice.
    Exception
        Whatever ``function`` raised.
    """
    for _ in range(_TRIES_AGAINST_MACHINE - 1):
        with contextlib.suppress(NotJudgedError):
            return _judged(function, data, limits)
    return _judged(function, data, limits)


def _judged(function: Callable[[bytes], Result], data: bytes, limits: Limits) -> Result:
    while True:
        child = _child_of_this_thread()
        fresh = child.answered == 0
        try:
            (answer,) = child.ask(function, (data,), limits).value
        except _ChildDiedError as died:
            if fresh:
                raise _explain_death(died.status) from None
            continue
        if answer.kind == "memory" and not fresh:
            child.close()
            continue
        if answer.kind == "value":
            return answer.value  # type: ignore[no-any-return]
        if answer.kind in ("memory", "machine"):
            child.close()
        if answer.kind == "memory":
            allowed = f"{limits.memory_bytes / 2**30:.3g} GiB"
            raise ImageTooLargeError(f"it needs more than {allowed} of memory to decode", limit="decode_memory_bytes")
        if answer.kind == "machine":
            raise NotJudgedError(f"the machine failed its decoder: {answer.value}")
        raise answer.value


def spent_cpu_seconds() -> float:
    """Processor seconds of this process, of its decoding children, and of all processes it has waited for."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    living = sum(child.cpu_seconds() for child in list(_children))
    return time.process_time() + ended.ru_utime + ended.ru_stime + living


def decoding_cpu_seconds() -> float:
    """Processor seconds that the decoding children of this thread have spent so far, those that have ended included."""
    child: _Child | None = getattr(_of_thread, "child", None)
    return float(getattr(_of_thread, "ended", 0.0)) + (0.0 if child is None else child.cpu_seconds())


def run_isolated_batch(
    function: Callable[[bytes], Result], files: Sequence[bytes], *, limits: Limits
) -> list[Result | Exception]:
    """`run_isolated` for several files with one switch of process; what it would raise stands in the list instead.

    All go to the child at once. Where one of them crashes it, or needs too much, or all together take longer than one
    may, each is done by itself as if there had been no batch, so that every file is judged as it would be alone.
    """
    if len(files) > 1:
        with contextlib.suppress(_ChildDiedError, ImageTooLargeError, NotJudgedError):
            answers = _child_of_this_thread().ask(function, files, limits).value
            if all(answer.kind in ("value", "error") for answer in answers):
                return [answer.value for answer in answers]
    return [_result_or_error(function, data, limits) for data in files]


def _result_or_error(function: Callable[[bytes], Result], data: bytes, limits: Limits) -> Result | Exception:
    try:
        return run_isolated(function, data, limits=limits)
    except Exception as error:
        return error


class _ChildDiedError(Exception):
    """The child has ended without an answer; ``status`` is its exit status, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


# What a decoder brings on itself; every other signal comes from outside.
_CRASHES: Final = frozenset(
    {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS}
)


def _explain_death(status: int) -> CorruptImageError | NotJudgedError:
    if status >= 0:
        return CorruptImageError(f"its decoder ended the process (exit status {status})")
    name = signal.Signals(-status).name
    if -status in _CRASHES:
        return CorruptImageError(f"its decoder crashed ({name})")
    want = ", which the system does for want of memory" if -status == signal.SIGKILL else ""
    return NotJudgedError(f"the process that decoded it was ended from outside ({name}{want})")


class _Watch:
    """Sees whether a child that was asked works, and for how long it has."""

    def __init__(self, child: "_Child", seconds: float) -> None:
        self._child, self._seconds = child, seconds
        self._began = self._then = child.cpu_seconds()
        self._since = time.monotonic()
        self.pause_ms = 1000 * min(_LONGEST_PAUSE_SECONDS, seconds / 4)

    def look(self) -> None:
        """Let it go on, or raise.

        Raises
        ------
        ImageTooLargeError
            It has taken more processor time than it may.
        NotJudgedError
            It hardly gets any: in the time that would suffice for all of it, less than a twentieth.
        """
        now, clock = self._child.cpu_seconds(), time.monotonic()
        if now - self._began > self._seconds:
            raise ImageTooLargeError(
                f"its decoder took more than {self._seconds:g} s of processor time", limit="decode_seconds"
            )
        if clock - self._since < self._seconds:
            return
        if now - self._then < _LEAST_SHARE * (clock - self._since):
            raise NotJudgedError(f"the machine stopped or starved its decoder for {clock - self._since:.3g} s")
        self._then, self._since = now, clock


class _Child:
    """A child process and the memory that it shares with this one."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.answered = 0
        self._shared = os.memfd_create("semcorpus-file")
        with tempfile.TemporaryFile() as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM.format(self._shared)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                pass_fds=(self._shared,),
                env=_environment(),
                process_group=0,  # what the decoder starts (ddjvu) ends with it
                bufsize=0,
            )
            _children.add(self)
            try:
                self._receive(_Watch(self, _START_SECONDS))
            except (NotJudgedError, ImageTooLargeError) as error:
                self.close()
                raise NotJudgedError("the machine did not let the process start that decodes it") from error
            except _ChildDiedError as error:
                self.close()
                if isinstance(explained := _explain_death(error.status), NotJudgedError):
                    raise explained from error
                complaints.seek(0)
                text = complaints.read().decode(errors="replace").strip().splitlines() or ["no reason given"]
                raise RuntimeError(f"the process that decodes files does not start: {text[-1]}") from error

    @property
    def alive(self) -> bool:
        """Whether it can be asked; a copy of this object in a forked process never can."""
        return self.owner == os.getpid() and self._process.returncode is None

    def cpu_seconds(self) -> float:
        """Processor seconds that it and what it has started have spent so far; 0 once it has ended."""
        return _cpu_seconds(self._process.pid) if self.alive else 0.0

    def ask(self, function: Callable[[bytes], Any], files: Sequence[bytes], limits: Limits) -> Answer:
        """Hand over files and wait for the answer, whose value is a list of each one's.

        After anything else than an answer the child is gone.
        """
        try:
            start = 0
            for data in files:
                write_at(self._shared, data, start)
                start += len(data)
            self._send(Request(function, tuple(map(len, files)), limits.memory_bytes))
            answer = self._receive(_Watch(self, limits.seconds))
        except OSError as error:  # no memory is left for the bytes themselves
            self.close()
            raise NotJudgedError(f"the machine failed its decoder: {error.strerror}") from error
        except BaseException:  # an interrupted child would give this file's answer to the next one's question
            self.close()
            raise
        self.answered += 1
        if os.fstat(self._shared).st_size > _KEPT_SHARED_BYTES:
            os.ftruncate(self._shared, 0)
        if answer.exhausted:
            self.close()
        return answer

    def _send(self, request: Request) -> None:
        message = pickle.dumps(request)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(LENGTH.pack(len(message)) + message)
        except BrokenPipeError:
            raise _ChildDiedError(self._wait()) from None

    def _receive(self, watch: _Watch) -> Answer:
        size = LENGTH.unpack(self._read(LENGTH.size, watch))[0]
        message = read_at(self._shared, -size, 0) if size < 0 else self._read(size, watch)
        answer = pickle.loads(message)
        assert isinstance(answer, Answer)
        return answer

    def _read(self, size: int, watch: _Watch) -> bytes:
        assert self._process.stdout is not None
        place = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(place, select.POLLIN)
        parts = bytearray()
        while len(parts) < size:
            if not poll.poll(watch.pause_ms):
                watch.look()
                continue
            part = os.read(place, size - len(parts))
            if not part:
                raise _ChildDiedError(self._wait())
            parts += part
        return bytes(parts)

    def _wait(self) -> int:
        try:
            return self._process.wait(10)
        except subprocess.TimeoutExpired:  # it has closed its pipe and lives on
            self._kill()
            return self._process.wait()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the child; more than once does no harm."""
        if self._shared < 0 or self.owner != os.getpid():
            return
        _of_thread.ended = getattr(_of_thread, "ended", 0.0) + self.cpu_seconds()
        self._kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        os.close(self._shared)
        self._shared = -1

    def __del__(self) -> None:
        if hasattr(self, "_process"):
            self.close()


_children: "weakref.WeakSet[_Child]" = weakref.WeakSet()
_of_thread = threading.local()


def _cpu_seconds(process: int) -> float:
    """Processor seconds of a process, of what it has waited for, and of what it has started and still runs."""
    try:
        with open(f"/proc/{process}/stat", "rb") as numbers:
            fields = numbers.read().rpartition(b")")[2].split()
        with open(f"/proc/{process}/task/{process}/children", "rb") as numbers:
            started = numbers.read().split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") + sum(map(_cpu_seconds, map(int, started)))


def _child_of_this_thread() -> _Child:
    child: _Child | None = getattr(_of_thread, "child", None)
    if child is None or not child.alive:
        child = _of_thread.child = _Child()
    return child


@atexit.register
def close_isolated() -> None:
    """End all children of this process; the next file starts a new one."""
    for child in list(_children):
        child.close()


def _environment() -> dict[str, str]:
    """This process' own, with its module path; one thread, since the other cores have workers of their own."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    kept = {"MALLOC_TRIM_THRESHOLD_": str(_KEPT_FREE_BYTES), "MALLOC_MMAP_THRESHOLD_": str(_LARGEST_IN_HEAP)}
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **kept}
