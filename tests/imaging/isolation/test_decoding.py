"""A decoder that crashes, hangs or eats memory costs its own file, with the reason in words."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from pipeline.errors import CorruptImageError, ImageError, ImageTooLargeError
from pipeline.imaging.isolation.decoding import (
    Limits,
    close_isolated,
    run_isolated,
    run_isolated_batch,
    spent_cpu_seconds,
)
from tests.imaging.isolation.misbehaving import BREAK, CRASH, EAT, END, HANG, calculate, process_of, repeat, say_much

LIMITS = Limits(seconds=20.0, memory_bytes=600 << 20)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    close_isolated()
    yield
    close_isolated()


def test_one_child_does_file_after_file() -> None:
    found = [run_isolated(process_of, b"x" * size, limits=LIMITS) for size in (0, 1, 5_000_000, 7)]
    assert [size for _, size in found] == [0, 1, 5_000_000, 7]
    assert len({process for process, _ in found}) == 1
    assert found[0][0] != os.getpid()


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (CRASH, CorruptImageError, "its decoder crashed (SIGSEGV)"),
        (END, CorruptImageError, "its decoder ended the process (exit status 3)"),
        (EAT, ImageTooLargeError, "it needs more than 0.586 GiB of memory to decode"),
        (BREAK, CorruptImageError, "broken as asked"),
    ],
)
@pytest.mark.parametrize("fresh", [True, False])
def test_a_bad_file_has_the_same_reason_whatever_came_before(
    data: bytes, error: type[ImageError], reason: str, fresh: bool
) -> None:
    if not fresh:
        run_isolated(process_of, b"before", limits=LIMITS)
    with pytest.raises(error) as found:
        run_isolated(process_of, data, limits=LIMITS)
    assert str(found.value) == reason
    assert run_isolated(process_of, b"after", limits=LIMITS)[1] == 5


def test_a_file_that_takes_too_long_is_given_up() -> None:
    run_isolated(process_of, b"warm", limits=LIMITS)
    began = time.monotonic()
    with pytest.raises(ImageTooLargeError, match=r"its decoder did not finish within 0\.5 s"):
        run_isolated(process_of, HANG, limits=Limits(0.5, 1 << 30))
    assert time.monotonic() - began < 3
    assert run_isolated(process_of, b"after", limits=LIMITS)[1] == 5


def test_a_child_that_was_killed_while_idle_is_replaced() -> None:
    first, _ = run_isolated(process_of, b"x", limits=LIMITS)
    os.kill(first, signal.SIGKILL)
    assert run_isolated(process_of, b"x", limits=LIMITS)[0] != first


def test_every_thread_has_a_child_of_its_own() -> None:
    found = [run_isolated(process_of, b"x", limits=LIMITS)[0]]
    threads = [
        threading.Thread(target=lambda: found.append(run_isolated(process_of, b"x", limits=LIMITS)[0]))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 3


def test_what_libraries_print_is_no_answer() -> None:
    assert run_isolated(say_much, b"trouble", limits=LIMITS) == 7


def test_no_child_is_left_behind() -> None:
    process, _ = run_isolated(process_of, b"x", limits=LIMITS)
    close_isolated()
    assert not psutil.pid_exists(process)


def test_a_late_child_is_ended() -> None:
    with pytest.raises(ImageTooLargeError):
        run_isolated(process_of, HANG, limits=Limits(0.1, 1 << 30))
    assert not [child for child in psutil.Process().children() if "isolated_process" in " ".join(child.cmdline())]


def test_the_child_counts_among_the_processor_seconds() -> None:
    run_isolated(process_of, b"warm", limits=LIMITS)
    before, own = spent_cpu_seconds(), time.process_time()
    run_isolated(calculate, b"0.3", limits=LIMITS)
    living = spent_cpu_seconds()
    close_isolated()
    ended = spent_cpu_seconds()
    assert living - before >= 0.25 + (time.process_time() - own) / 10
    assert ended >= living - 0.02  # what it has spent is not forgotten with it


@pytest.mark.parametrize("last_file", [b"x", HANG])
def test_a_child_ends_when_its_parent_is_killed(last_file: bytes) -> None:
    """Also in the midst of a file, soon after the time that it had for it."""
    program = (
        "from pipeline.imaging.isolation.decoding import Limits, run_isolated\n"
        "from tests.imaging.isolation.misbehaving import process_of\n"
        "limits = Limits(4.0, 1 << 30)\n"
        "print(run_isolated(process_of, b'x', limits=limits)[0], flush=True)\n"
        f"run_isolated(process_of, {last_file!r}, limits=limits)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        time.sleep(0.2)
        assert child.is_running()
        parent.kill()
    _, alive = psutil.wait_procs([child], timeout=20)
    assert not alive


def test_large_answers_come_whole_and_leave_the_memory_to_the_next_file() -> None:
    for size in (10, 40_000, 70_000_000, 40_001, 3):
        assert run_isolated(repeat, f"{size}".encode(), limits=Limits(20.0, 1 << 30)) == b"y" * size
    assert run_isolated(process_of, b"small", limits=LIMITS)[1] == 5


def test_an_answer_for_which_memory_does_not_suffice_is_too_large() -> None:
    with pytest.raises(ImageTooLargeError, match=r"more than 0\.3 GiB"):
        run_isolated(repeat, b"200000000", limits=Limits(20.0, int(0.3 * 2**30)))


def test_a_batch_is_answered_in_order_by_one_child() -> None:
    files = [b"x" * size for size in (5, 0, 3_000_000, 1)]
    found = run_isolated_batch(process_of, files, limits=LIMITS)
    assert [size for _, size in found] == [5, 0, 3_000_000, 1]
    assert len({process for process, _ in found}) == 1
    assert run_isolated_batch(process_of, [], limits=LIMITS) == []


@pytest.mark.parametrize("bad", [CRASH, END, EAT, BREAK, HANG])
def test_in_a_batch_every_file_is_judged_as_it_is_alone(bad: bytes) -> None:
    limits = Limits(4.0 if bad == HANG else 20.0, 600 << 20)
    with pytest.raises(ImageError) as alone:
        run_isolated(process_of, bad, limits=limits)
    first, found, last = run_isolated_batch(process_of, [b"1", bad, b"333"], limits=limits)
    assert (first[1], last[1]) == (1, 3)
    assert (type(found), str(found)) == (type(alone.value), str(alone.value))
