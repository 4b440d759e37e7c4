"""What happens to the processes of a run, and to the files that it reads meanwhile."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.faults.nursery import Command
from tests.faults.world import World, check_words


def when(command: Command, ready: Callable[[], bool]) -> bool:
    """Wait until something is so; False if the command has ended before."""
    while not ready():
        if not command.is_running():
            return False
        time.sleep(0.002)
    return True


def advanced(command: Command, times: int) -> Callable[[], bool]:
    """Whether a run has told so often that it got further, as a condition for `when`."""
    return lambda: sum(event["event"] in ("advanced", "checkpoint") for event in command.events()) >= times


def _ended(command: Command) -> None:
    command.wait()
    check_words(command)


def killed_at_an_event(world: World, chance: random.Random) -> None:
    """SIGKILL a moment after the run has told something."""
    command = world.start()
    when(command, advanced(command, chance.randint(0, 8)))
    time.sleep(chance.random() * 0.1)
    command.kill()
    command.wait()


def terminated(world: World, chance: random.Random) -> None:
    """SIGTERM, SIGINT or SIGUSR1, as people and batch systems send them."""
    command = world.start()
    when(command, advanced(command, chance.randint(1, 6)))
    with contextlib.suppress(psutil.NoSuchProcess):
        command.process.send_signal(chance.choice((signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)))
    _ended(command)


def decoders_killed(world: World, chance: random.Random) -> None:
    """The decoding children, as an OOM killer does, several times."""
    world.any_order = True
    command = world.start("--set", "walk.files_per_task=2")
    for _ in range(chance.randint(1, 5)):
        if not when(command, lambda: bool(_children(command))):
            break
        time.sleep(chance.random() * 0.3)
        for child in _children(command):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    _ended(command)


def decoders_stopped(world: World, chance: random.Random) -> None:
    """They stand still for a second and go on."""
    command = world.start()
    when(command, lambda: bool(_children(command)))
    time.sleep(chance.random() * 0.5)
    children = _children(command)
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(number)
        time.sleep(1)
    _ended(command)


def _children(command: Command) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return command.process.children()
    return []


def growing_file(world: World, chance: random.Random) -> None:
    """A file of the corpus grows while the run reads; afterwards it is as it was."""
    path = _victim(world, chance)
    before, content = path.stat(), path.read_bytes()
    command = world.start()
    when(command, advanced(command, 0))
    while command.is_running() and path.stat().st_size < len(content) + 100_000:
        with path.open("ab") as stream:
            stream.write(bytes(chance.randint(1, 2000)))
        time.sleep(0.01)
    _ended(command)
    _put_back(path, content, before)


def rewritten_file(world: World, chance: random.Random) -> None:
    """A file is cut to nothing and written anew by and by, as over a slow network."""
    path = _victim(world, chance)
    before, content = path.stat(), path.read_bytes()
    command = world.start()
    time.sleep(chance.random() * 0.5)
    with path.open("wb") as stream:
        for start in range(0, len(content), 1000):
            stream.write(content[start : start + 1000])
            stream.flush()
            time.sleep(0.05)
    _ended(command)
    _put_back(path, content, before)


def vanished_file(world: World, chance: random.Random) -> None:
    """A file is moved away in mid-work, and is back before the next run."""
    path = _victim(world, chance)
    away = world.folder / "away"
    command = world.start()
    time.sleep(chance.random() * 1.5)
    path.rename(away)
    _ended(command)
    away.rename(path)


def _victim(world: World, chance: random.Random) -> Path:
    world.any_order = True
    return chance.choice(sorted(path for path in world.own_corpus().iterdir() if path.suffix == ".png"))


def _put_back(path: Path, content: bytes, before: os.stat_result) -> None:
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def two_writers(world: World, chance: random.Random) -> None:
    """Two runs of one index at once: one works, the other says so, or both, one after the other."""
    first = world.start()
    time.sleep(chance.random() * 2)
    second = world.start(*chance.choice(((), ("--wait", "60"))))
    _ended(first)
    _ended(second)


PROCESSES = (
    killed_at_an_event,
    terminated,
    decoders_killed,
    decoders_stopped,
    growing_file,
    rewritten_file,
    vanished_file,
    two_writers,
)
