"""A Dask cluster on the nodes of the Ray cluster that the driver runs in.

The scheduler runs in the driver. Each worker is a `Nanny` in a Ray actor that holds a processor and its share of the
node's memory, so that Ray accounts for both. When Ray's own stages need the processors the workers leave.
"""

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import ray
import ray.exceptions
from distributed import Client, Nanny, Scheduler
from distributed.core import Status
from distributed.deploy.spec import ProcessInterface, SpecCluster
from distributed.security import Security
from tornado.ioloop import PeriodicCallback

from pipeline.engine.base import Item, ReportPlace, Result
from pipeline.engine.dask_engine import DaskEngine, configure_dask
from pipeline.engine.ray_parts import RayParts
from pipeline.errors import EngineError

_LOOK_AFTER_MS = 2000
_OPENING_SECONDS = 60
_CLOSING_SECONDS = 5

# Ray's measure of a node's memory is exact, and what is rounded up would fit no node.
_MEMORY_SHARE = 0.98


class _Host:
    """The actor in which a nanny, and below it a worker process, runs."""

    async def start(self, scheduler: str, options: dict[str, Any]) -> tuple[str, str]:
        """Start the worker on this node's address; returns the worker's, and the node's name in Ray."""
        address = _own_address()
        self._nanny = await Nanny(scheduler, host=address, dashboard_address=f"{address}:0", **options)
        return str(self._nanny.worker_address), ray.get_runtime_context().get_node_id()

    async def finished(self) -> None:
        """Return when the nanny ends by itself; a call that fails is how the cluster learns of a lost node."""
        await self._nanny.finished()

    async def stop(self) -> None:
        """End the worker."""
        await self._nanny.close(timeout=_CLOSING_SECONDS)


class RayWorker(ProcessInterface):
    """One worker: its actor, and a task that waits for the actor's end.

    `start` returns before the actor runs, as `ProcessInterface` allows: Ray may have no room for it yet, and the
    cluster must not wait for that.
    """

    def __init__(
        self,
        scheduler: str,
        *,
        name: object,
        actor: dict[str, Any],
        nanny: dict[str, Any],
        lost: Callable[..., Awaitable[None]],
    ) -> None:
        super().__init__()
        self._scheduler, self.name = scheduler, name
        self._options, self._nanny, self._lost = actor, nanny | {"name": name}, lost
        self.reason = ""
        self.over = False  # the actor has ended, or never began
        self.node: str | None = None  # where Ray has put it, by Ray's name; None while it waits for a place
        self.bytes = int(actor["memory"])

    async def start(self) -> None:
        """Ask Ray for the actor."""
        self._actor: Any = ray.remote(_Host).options(**self._options).remote()
        self._life = asyncio.create_task(self._live())
        await super().start()

    async def _live(self) -> None:
        try:
            self.address, self.node = await self._actor.start.remote(self._scheduler, self._nanny)
            await self._actor.finished.remote()
        except ray.exceptions.RayError as error:  # actor or node died, or the nanny does not start there
            self.reason = str(error).strip().splitlines()[-1]
        self.over = True
        await self._lost(self)

    async def close(self) -> None:
        """End worker and actor, whether they still live or not."""
        if self._life is not asyncio.current_task():
            self._life.cancel()
        if self.address is not None:
            with suppress(ray.exceptions.RayError, asyncio.TimeoutError):
                await asyncio.wait_for(self._actor.stop.remote(), 2 * _CLOSING_SECONDS)
        ray.kill(self._actor)
        await super().close()


class RayNodesCluster(SpecCluster):
    """As many workers as the Ray cluster has processors, or ``workers`` of them; none while it rests.

    Nothing replaces a worker that was lost with its node, neither in Dask nor in Ray: `_look_after` does, as soon as
    Ray has a processor for it again. How much memory goes with a processor is asked anew for each worker: a node that
    comes later, or comes back, may have less of it than those before.

    All connections are encrypted and need the certificate that is made here and travels to the workers through Ray,
    since others on a cluster's network could otherwise send work to the scheduler.
    """

    def __init__(self, *, workers: int = 0) -> None:
        address = _own_address()
        dashboard = os.environ.get("SEMCORPUS_DASK_DASHBOARD", f"{address}:0")
        security = Security.temporary()
        self._most = workers
        self._resting = False
        self.last_reason = ""  # why the worker that was lost last was lost
        self._security = security
        super().__init__(
            workers={},
            scheduler={
                "cls": Scheduler,
                "options": {"host": address, "dashboard_address": dashboard, "security": security},
            },
            security=security,
            silence_logs=50,
        )
        self._looking = PeriodicCallback(self._look_after, _LOOK_AFTER_MS)
        self.sync(self._begin_looking)

    async def _begin_looking(self) -> None:
        self._looking.start()

    @property
    def capacity(self) -> int:
        """Workers that the Ray cluster has processors for now."""
        found = sum(int(node["Resources"].get("CPU", 0)) for node in _living_nodes())
        return min(found, self._most) if self._most else found

    def rest(self) -> None:
        """End all workers, so that Ray has the processors; returns when they are gone."""
        self._resting = True
        self.scale(0)
        self.sync(self._correct_state)

    def resume(self) -> None:
        """Start the workers again; returns at once."""
        self._resting = False
        self.scale(self.capacity)

    async def _look_after(self) -> None:
        """Ask for the workers that are missing; those that Ray has no room for yet wait there."""
        if self._resting or self.status != Status.running:
            return
        shares = _memory_per_processor()
        least = min(shares.values(), default=0.0)
        for worker in list(self.workers.values()):
            # One that asks for more memory than a processor comes with now would wait for ever; one that was asked for
            # at such a time and has found a place leaves its node's other processors without memory.
            share = least if worker.node is None else shares.get(worker.node, math.inf)
            if worker.over or worker.bytes > share:
                await self._forget(worker)
        if len(self.workers) < self.capacity:
            self.scale(max(self.capacity, len(self.worker_spec)))

    def new_worker_spec(self) -> dict[int, dict[str, Any]]:
        """The next worker: under a name that none had before, with its share of a node's memory as it is now."""
        memory = _memory_per_worker()
        self._i += 1
        nanny = {"nthreads": 1, "memory_limit": memory, "security": self._security}
        actor = {"num_cpus": 1, "num_gpus": 0, "memory": memory, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        return {self._i: {"cls": RayWorker, "options": {"actor": actor, "nanny": nanny, "lost": self._forget}}}

    async def _forget(self, worker: RayWorker) -> None:
        """A worker's actor is gone: so is the worker, whatever the scheduler has noticed yet."""
        if self.workers.get(worker.name) is not worker or worker.name not in self.worker_spec:
            return  # it was told to leave
        del self.workers[worker.name], self.worker_spec[worker.name]
        self.last_reason = worker.reason
        if worker.address is not None:
            scheduler: Any = self.scheduler
            await scheduler.remove_worker(worker.address, stimulus_id=f"lost-{worker.name}", close=False)
        await worker.close()


def _own_address() -> str:
    """Address by which the other nodes know the one that this process is on; it may have several."""
    own = ray.get_runtime_context().get_node_id()
    return str(next(node["NodeManagerAddress"] for node in ray.nodes() if node["NodeID"] == own))


def _living_nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _memory_per_processor() -> dict[str, float]:
    """Bytes, by node; nodes without a processor are left out."""
    nodes = [node for node in _living_nodes() if node["Resources"].get("CPU", 0) >= 1]
    return {node["NodeID"]: float(node["Resources"]["memory"]) / int(node["Resources"]["CPU"]) for node in nodes}


def _memory_per_worker() -> int:
    """Bytes; by the node with the least for a processor, so that every processor of every node can have a worker."""
    return int(_MEMORY_SHARE * min(_memory_per_processor().values(), default=0.0))


class DaskOnRayEngine(DaskEngine):
    """Dask workers that leave when another engine needs the processors, and come back with the next piece of work."""

    def __init__(self, cluster: RayNodesCluster, report: ReportPlace | None = None) -> None:
        super().__init__(Client(cluster), cluster, report)
        self._nodes = cluster
        self._parts = RayParts(local=False)

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, retries: int, gpus: float = 0.0
    ) -> Iterator[Result]:
        """See `base.Engine.map`."""
        self.wake(1)
        yield from super().map(function, items, retries=retries, gpus=gpus)

    def _look(self) -> None:
        self._parts.look()
        super()._look()

    def wake(self, workers: int) -> None:
        """Have at least so many workers.

        Raises
        ------
        EngineError
            None of them came.
        """
        self._nodes.resume()
        with suppress(TimeoutError):
            self._client.wait_for_workers(workers, timeout=_OPENING_SECONDS)
        if not self.workers:
            raise EngineError(
                f"No Dask worker started on Ray's nodes within {_OPENING_SECONDS} s: "
                f"{self._nodes.last_reason or '`ray status` tells whether others hold the processors'}."
            )

    def rest(self) -> None:
        """Give the processors back to Ray."""
        if self._report:
            self._report.take()
        self._nodes.rest()


def open_dask_on_ray(workers: int, report: ReportPlace | None = None) -> DaskOnRayEngine:
    """Start Dask on the Ray cluster that this process has joined; ``workers`` 0 takes all processors.

    ``report`` is where Dask's performance report goes when the engine is closed.
    """
    configure_dask()
    cluster = RayNodesCluster(workers=workers)
    engine = DaskOnRayEngine(cluster, report)
    try:
        engine.wake(cluster.capacity)
    except BaseException:
        engine.close()
        raise
    return engine
