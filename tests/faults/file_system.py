"""What a disk, a network folder, a clock or the system's memory does to a run."""

import errno
import random
import re
import shutil

from tests.faults.shim import ALWAYS, CHANGES, JUMP, KILL, SHORT, SLOW, Call, Fault
from tests.faults.world import DONE, World, WrongError


def _one_of(world: World, chance: random.Random, calls: Call) -> int:
    """The number of one of the calls of these kinds that a quiet run makes in its index."""
    return chance.randint(1, sum(world.calls[call] for call in calls))


def _in_index(world: World, chance: random.Random, calls: Call, action: int, times: int = 1, extra: int = 0) -> None:
    """A run in which such a call on the index goes wrong."""
    world.run(fault=Fault(world.index, calls, action, _one_of(world, chance, calls), times, extra))


def _in_corpus(world: World, chance: random.Random, calls: Call, action: int, times: int) -> None:
    """A run in which such a call on the corpus goes wrong; a file of which it is may be judged later than others."""
    first = chance.randint(1, sum(world.corpus_calls[call] for call in calls))
    world.any_order = True
    world.run(fault=Fault(f"{world.corpus}/", calls, action, first, times))


def killed_at_a_call(world: World, chance: random.Random) -> None:
    """SIGKILL just before something in the index is made, written, synced or renamed."""
    _in_index(world, chance, CHANGES, KILL)


def disk_full(world: World, chance: random.Random) -> None:
    """From some call on, until the end."""
    _in_index(world, chance, Call.MAKE | Call.WRITE, errno.ENOSPC, ALWAYS)


def disk_full_for_a_moment(world: World, chance: random.Random) -> None:
    _in_index(world, chance, Call.MAKE | Call.WRITE | Call.SYNC, errno.ENOSPC, chance.randint(1, 5))


def read_only(world: World, chance: random.Random) -> None:
    """The file system becomes read-only in mid-work, as Linux makes one with errors."""
    _in_index(world, chance, CHANGES & ~Call.WRITE & ~Call.SYNC, errno.EROFS, ALWAYS)


def write_error(world: World, chance: random.Random) -> None:
    _in_index(world, chance, CHANGES, errno.EIO, chance.choice((1, 2, ALWAYS)))


def sync_error(world: World, chance: random.Random) -> None:
    """After which what was written may or may not be there: nobody may go on as if it were."""
    _in_index(world, chance, Call.SYNC, errno.EIO, chance.choice((1, ALWAYS)))


def read_error(world: World, chance: random.Random) -> None:
    _in_index(world, chance, Call.READ | Call.LOOK, errno.EIO, chance.choice((1, 2, ALWAYS)))


def stale_handle(world: World, chance: random.Random) -> None:
    """ESTALE, as NFS says it of a file that another machine has replaced."""
    _in_index(world, chance, Call.READ | Call.LOOK, errno.ESTALE, chance.choice((1, 3)))


def short_transfers(world: World, chance: random.Random) -> None:
    """Every reading and writing moves half of what it was asked for."""
    calls = chance.choice((Call.READ, Call.WRITE, Call.READ | Call.WRITE))
    run = world.run(fault=Fault(world.index, calls, SHORT, 1, ALWAYS))
    if run.wait() != DONE:
        raise WrongError(f"short transfers are no errors: {run.said()[-1000:]}")


def short_reads_of_the_corpus(world: World, chance: random.Random) -> None:
    run = world.run(fault=Fault(f"{world.corpus}/", Call.READ, SHORT, chance.randint(1, 5), ALWAYS))
    if run.wait() != DONE:
        raise WrongError(f"short reads are no errors: {run.said()[-1000:]}")


def slow_disk(world: World, chance: random.Random) -> None:
    """Each call takes some milliseconds more."""
    run = world.run(fault=Fault(world.index, Call(63), SLOW, 1, ALWAYS, chance.randint(500, 3000)))
    if run.wait() != DONE:
        raise WrongError(f"a slow disk is no error: {run.said()[-1000:]}")


def corpus_read_error(world: World, chance: random.Random) -> None:
    _in_corpus(world, chance, Call.READ | Call.LOOK, errno.EIO, chance.choice((1, 2, 8)))


def corpus_stale_handle(world: World, chance: random.Random) -> None:
    _in_corpus(world, chance, Call.READ | Call.LOOK, errno.ESTALE, chance.choice((1, 2, 8)))


def corpus_vanishes_meanwhile(world: World, chance: random.Random) -> None:
    """Files that were listed are not there when they are opened, and come back."""
    _in_corpus(world, chance, Call.LOOK, errno.ENOENT, chance.choice((1, 2)))


def clock_falls_back(world: World, chance: random.Random) -> None:
    """By an hour up to three years: the store refuses commits that are older than the newest, and the run says so."""
    seconds = -chance.choice((3600, 86_400, 3 * 365 * 86_400))
    first = chance.randint(1, world.calls[Call.CLOCK])
    run = world.run(fault=Fault(world.index, Call.CLOCK, JUMP, first, chance.choice((1, ALWAYS)), seconds))
    if run.wait() != DONE and not re.search("the clock of this machine|a clock that was ahead", run.said()):
        raise WrongError(f"it does not say that it is the clock: {run.said()[-1000:]}")


def clock_jumps_ahead(world: World, chance: random.Random) -> None:
    """By a minute up to three years, from some call on: the next run says so, and a step back is the way out."""
    seconds = chance.choice((60, 3600, 86_400, 3 * 365 * 86_400))
    first = chance.randint(1, world.calls[Call.CLOCK])
    world.run(fault=Fault(world.index, Call.CLOCK, JUMP, first, chance.choice((1, ALWAYS)), seconds))
    again = world.run()
    if again.wait() == DONE:
        return
    if "by a clock that was ahead" not in again.said():
        raise WrongError(f"it does not say that it was the clock: {again.said()[-1000:]}")
    if way := re.search(r"`semcorpus (rollback \S+ \w+)`", again.said()):
        stepped = world.nursery.start(way[1].split())
        if stepped.wait() != DONE:
            raise WrongError(f"the way out is none: {stepped.said()[-1000:]}")
    else:  # the index was made in the future
        shutil.rmtree(world.index)


def little_memory(world: World, chance: random.Random) -> None:
    """The address space ends somewhere in the run's work."""
    world.run(memory_bytes=chance.randint(30, 500) << 20)


FILE_SYSTEM = (
    killed_at_a_call,
    disk_full,
    disk_full_for_a_moment,
    read_only,
    write_error,
    sync_error,
    read_error,
    stale_handle,
    short_transfers,
    short_reads_of_the_corpus,
    slow_disk,
    corpus_read_error,
    corpus_stale_handle,
    corpus_vanishes_meanwhile,
    clock_falls_back,
    clock_jumps_ahead,
    little_memory,
)
