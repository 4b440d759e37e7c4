"""Dask bags over a LocalCluster or an outside scheduler."""

import ctypes
import importlib.metadata
import itertools
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import dask
import dask.bag
from distributed import Client, LocalCluster, SpecCluster, as_completed
from distributed.security import Security

from pipeline.engine.base import Item, ReportPlace, Result, WorkFailedError
from pipeline.engine.dask_report import PerformanceReport
from pipeline.errors import EngineError

# Futures in flight for each worker: enough to hide the scheduler's latency; few, since the scheduler slows down with
# very many (distributed issue 2181) and since an interrupted run loses what is in flight.
_AHEAD = 3

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
_KEPT_FREE_BYTES = 64 << 20
_LARGEST_IN_HEAP = 32 << 20

_JOINING_SECONDS = 60
_COUNTING_SECONDS = 1.0
_WAITING_SECONDS = 0.005
_LOOK_SECONDS = 2.0
_DESERTED_SECONDS = 120.0
_MOST_DEATHS = 10

# What the performance report tells of, the newest; each costs it 400 bytes.
_REMEMBERED_TASKS = 20_000


class DaskEngine:
    """A Dask client; ends the cluster that it started, never one from outside."""

    name = "dask"

    def __init__(self, client: Client, cluster: SpecCluster | None, report: ReportPlace | None = None) -> None:
        self._client = client
        self._report = PerformanceReport(client, report) if report else None
        self._counted, self._count_again = 0, 0.0
        self._next_look, self._last_worker = 0.0, 0.0
        self._cluster = cluster
        self._names = (f"{uuid.uuid4().hex}-{number}" for number in itertools.count())
        self.dashboard: str | None = client.dashboard_link

    @property
    def workers(self) -> int:
        """Workers there are now; they come and go on a cluster."""
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, retries: int, gpus: float = 0.0
    ) -> Iterator[Result]:
        """See `base.Engine.map`; each item is one partition of a Dask bag.

        Raises
        ------
        EngineError
            The scheduler has ended, or has had no worker for two minutes.
        """
        if gpus:
            raise EngineError("The stage asks for a GPU, which the Dask engine does not hand out; run it on Ray.")
        source = iter(items)
        given: dict[str, Item] = {}
        completed = as_completed()
        self._submit(function, itertools.islice(source, self._room(given)), retries, given, completed)
        self._last_worker = time.monotonic()
        for future in self._as_they_come(completed):
            if future.status not in ("finished", "error", "cancelled"):
                completed.add(future)  # the worker that held the result has died since: it is computed again
                continue
            if future.status == "cancelled":
                raise self._lost("has ended or was restarted")
            item = given.pop(future.key)
            if future.status != "finished":
                self._client.cancel(list(completed.futures))
                raise WorkFailedError(item, _reason(future))
            result = future.result()[0]
            future.release()
            self._submit(function, itertools.islice(source, self._room(given)), retries, given, completed)
            yield result

    def _as_they_come(self, completed: Any) -> Iterator[Any]:
        """Finished futures; `as_completed` itself would wait for ever for workers that are gone."""
        while not completed.is_empty():
            if completed.has_ready():
                yield completed.next()
                continue
            if time.monotonic() >= self._next_look:
                self._next_look = time.monotonic() + _LOOK_SECONDS
                self._look()
            time.sleep(_WAITING_SECONDS)

    def _look(self) -> None:
        """Raise `EngineError` if nobody is there to do the work, and none has come for a while."""
        if self._client.status == "closed":
            raise self._lost("has ended")
        if self._client.status != "running":
            return  # it tries to reach the scheduler again, half a minute long
        if self.workers:
            self._last_worker = time.monotonic()
        elif time.monotonic() - self._last_worker > _DESERTED_SECONDS:
            raise self._lost(f"has had no worker for {_DESERTED_SECONDS:.0f} s")

    def _lost(self, what: str) -> EngineError:
        where = self._client.scheduler.address if self._client.scheduler else ""
        return EngineError(
            f"The Dask scheduler {where} {what}. What was committed is kept: run the same command again to go on."
        )

    def _room(self, given: dict[str, Item]) -> int:
        """How many more items may be in flight."""
        if time.monotonic() >= self._count_again:  # the scheduler's answer tells all of every worker
            self._counted, self._count_again = self.workers, time.monotonic() + _COUNTING_SECONDS
        return max(0, _AHEAD * max(1, self._counted) - len(given))

    def _submit(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        retries: int,
        given: dict[str, Item],
        completed: Any,
    ) -> None:
        batch = list(items)
        if not batch:
            return
        if self._report:
            self._report.worked()
        # Dask names a partition by its content, and takes two of one name for one: equal items must differ.
        named = list(zip(self._names, batch, strict=False))
        bag = dask.bag.from_sequence(named, npartitions=len(named)).map(_on_item, function)
        futures = self._client.compute(bag.to_delayed(optimize_graph=True), retries=retries)
        for future, item in zip(futures, batch, strict=True):
            given[future.key] = item
            completed.add(future)

    def rest(self) -> None:
        """Nothing to give back: a LocalCluster's idle workers, and an outside scheduler's, are in nobody's way."""

    def close(self) -> None:
        """Leave the report of the work, close the client, and the cluster if it is ours."""
        if self._report:
            self._report.write()
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


def configure_dask() -> None:
    """Dask's own settings, before a cluster is started."""
    dask.config.set(
        {
            "distributed.logging.distributed": "error",
            # A dying worker counts against all tasks that waited for it, guilty or not.
            "distributed.scheduler.allowed-failures": _MOST_DEATHS,
            # Every 10 ms, as by default, looking at the stacks takes 5% of a core in each worker and in the scheduler.
            "distributed.worker.profile.interval": "100ms",
            "distributed.scheduler.dashboard.tasks.task-stream-length": _REMEMBERED_TASKS,
        }
    )


def open_dask(address: str | None, workers: int, report: ReportPlace | None = None) -> DaskEngine:
    """Connect to a scheduler (``tcp://...`` or a scheduler file), or start a LocalCluster that obeys this run only.

    Its own cluster listens on loopback, and takes connections only from who has the certificate that is made here for
    this run and never written down.

    On a scheduler from outside ``workers`` are waited for, a minute at most; one is enough to go on. ``report`` is
    where Dask's performance report goes when the engine is closed.

    Raises
    ------
    EngineError
        The scheduler does not answer, or has no workers, or some on which this version is not installed.
    """
    configure_dask()
    if address is None:
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            protocol="tls",
            security=Security.temporary(),
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        )
        return DaskEngine(Client(cluster), cluster, report)
    if address.endswith(".json") and not Path(address).is_file():
        # A client given a scheduler file that is not there waits for it without end.
        raise EngineError(f"There is no Dask scheduler file {address}; start a scheduler with --scheduler-file first.")
    try:
        outside = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
        client = Client(timeout=30, **outside)
        client.wait_for_workers(1, timeout=_JOINING_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        raise EngineError(f"The Dask scheduler {address} does not answer or has no workers: {error}.") from error
    with suppress(TimeoutError):
        client.wait_for_workers(max(1, workers), timeout=_JOINING_SECONDS)
    _refuse_strangers(client, address)
    return DaskEngine(client, None, report)


def _refuse_strangers(client: Client, address: str) -> None:
    """Workers without this package would end at its first task, one after the other, and the run wait for ever."""
    # A lambda travels by value.
    found = client.run(lambda: importlib.metadata.version("semcorpus"), on_error="return")
    own = importlib.metadata.version("semcorpus")
    for worker, version in found.items():
        if version != own:
            client.close()
            has = f"has semcorpus {version}" if isinstance(version, str) else "cannot import semcorpus"
            raise EngineError(
                f"Worker {worker} of the Dask scheduler {address} {has}, and this is semcorpus {own}; "
                "install the same on all of them, best from one image."
            )


def _on_item(named: tuple[str, Item], function: Callable[[Item], Result]) -> Result:
    _keep_freed_memory()
    return function(named[1])


@cache
def _keep_freed_memory() -> None:
    """Keep the memory of a file for the next one.

    Dask's nannies tell the C library to return whatever is free: then a file of 1 MB costs 250 page faults to read.
    """
    with suppress(OSError, AttributeError):  # another C library than glibc
        library = ctypes.CDLL(None)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_FREE_BYTES)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_IN_HEAP)


def _reason(future: Any) -> str:
    error = future.exception()
    return f"{type(error).__name__}: {error}"
