"""Dask bags over a LocalCluster or an outside scheduler."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import dask
import dask.bag
from distributed import Client, LocalCluster, as_completed

from pipeline.engine.base import Item, Result, WorkFailedError
from pipeline.errors import EngineError

# Futures in flight for each worker: enough to hide the scheduler's latency; few, since the scheduler slows down with
# very many (distributed issue 2181) and since an interrupted run loses what is in flight.
_AHEAD = 3


class DaskEngine:
    """A Dask client; ends the cluster that it started, never one from outside."""

    name = "dask"

    def __init__(self, client: Client, cluster: LocalCluster | None) -> None:
        self._client = client
        self._cluster = cluster
        self.workers = len(client.scheduler_info(n_workers=-1)["workers"])
        self.dashboard: str | None = client.dashboard_link

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, retries: int, gpus: float = 0.0
    ) -> Iterator[Result]:
        """See `base.Engine.map`; each item is one partition of a Dask bag."""
        if gpus:
            raise EngineError("The stage asks for a GPU, which the Dask engine does not hand out; run it on Ray.")
        source = iter(items)
        given: dict[str, Item] = {}
        completed = as_completed()
        self._submit(function, itertools.islice(source, _AHEAD * self.workers), retries, given, completed)
        for future in completed:
            item = given.pop(future.key)
            if future.status != "finished":
                self._client.cancel(list(completed.futures))
                raise WorkFailedError(item, _reason(future))
            result = future.result()[0]
            future.release()
            self._submit(function, itertools.islice(source, 1), retries, given, completed)
            yield result

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
        bag = dask.bag.from_sequence(batch, npartitions=len(batch)).map(function)
        futures = self._client.compute(bag.to_delayed(optimize_graph=True), retries=retries)
        for future, item in zip(futures, batch, strict=True):
            given[future.key] = item
            completed.add(future)

    def close(self) -> None:
        """Close the client, and the cluster if it is ours."""
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


def open_dask(address: str | None, workers: int) -> DaskEngine:
    """Connect to a scheduler (``tcp://...`` or a scheduler file), or start a LocalCluster on loopback.

    Raises
    ------
    EngineError
        The scheduler does not answer, or has no workers.
    """
    dask.config.set({"distributed.logging.distributed": "error"})
    if address is None:
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        )
        return DaskEngine(Client(cluster), cluster)
    if address.endswith(".json") and not Path(address).is_file():
        # A client given a scheduler file that is not there waits for it without end.
        raise EngineError(f"There is no Dask scheduler file {address}; start a scheduler with --scheduler-file first.")
    try:
        outside = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
        client = Client(timeout=30, **outside)
        client.wait_for_workers(1, timeout=60)
    except (OSError, TimeoutError, ValueError) as error:
        raise EngineError(f"The Dask scheduler {address} does not answer or has no workers: {error}.") from error
    return DaskEngine(client, None)


def _reason(future: Any) -> str:
    error = future.exception()
    return f"{type(error).__name__}: {error}"
