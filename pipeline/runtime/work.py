"""The piece of work that travels to a worker process: a task, the store it may write, and what comes back."""

import pickle
import resource
import socket
import time
from dataclasses import dataclass

import icechunk
import zarr
from threadpoolctl import threadpool_limits

from pipeline.errors import SemcorpusError
from pipeline.imaging.isolation.decoding import spent_cpu_seconds
from pipeline.runtime.plan import Job, Task, Worker
from pipeline.storage.steady_bucket import steady_store

_workers: dict[str, Worker] = {}  # of this process; holds the worker of one plan at a time


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a task came to: a value, or an error that must not be retried."""

    number: int
    items: int
    value: object
    error: SemcorpusError | None
    fork: icechunk.ForkSession | None
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    host: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """Task ``number`` of a plan.

    ``plan`` names that plan on that index at that commit and no other: a worker process that outlives the run, as those
    of an outside scheduler do, must not go on with what it kept for an older state of the index. ``session`` is a
    pickled fork of the writing session, or a reading one.
    """

    plan: str
    number: int
    task: Task
    job: Job
    session: bytes

    def __repr__(self) -> str:
        return f"{self.job.key}: {self.task.label}"


def perform(assignment: Assignment) -> Outcome:
    """Do one task in this process; the function that engines map.

    The linear algebra runs on one thread whatever the engine, since sums on two threads differ in their last bits.
    """
    clock, started = time.monotonic(), spent_cpu_seconds()
    session = pickle.loads(assignment.session)
    writes = isinstance(session, icechunk.ForkSession)
    root = zarr.open_group(steady_store(session), mode="r+" if writes else "r")
    value, error = None, None
    with threadpool_limits(1):
        try:
            value = _worker(assignment, root)(root, assignment.task)
        except SemcorpusError as found:
            error = found
    return Outcome(
        assignment.number,
        assignment.task.items,
        value,
        error,
        session if writes and error is None else None,
        time.monotonic() - clock,
        spent_cpu_seconds() - started,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        socket.gethostname(),
    )


def driven_outcome(items: int, value: object, seconds: float, cpu_seconds: float) -> Outcome:
    """What a plan came to that was driven here; ``cpu_seconds`` are this process's own."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Outcome(0, items, value, None, None, seconds, cpu_seconds, peak, socket.gethostname())


def _worker(assignment: Assignment, root: zarr.Group) -> Worker:
    if assignment.plan not in _workers:
        _workers.clear()
        _workers[assignment.plan] = assignment.job.build(root)
    return _workers[assignment.plan]


def forget_workers() -> None:
    """Let go of what this process keeps for its last job."""
    _workers.clear()
