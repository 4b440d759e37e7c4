"""Ray actors, on a local node or in the Ray cluster that the driver runs in."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipeline.engine.base import Item, Result
from pipeline.engine.opening import refuse_client_address
from pipeline.errors import EngineError

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray.experimental import internal_kv

from pipeline.engine.ray_pool import ActorPool

_OBJECT_STORE_BYTES = 256 * 1024 * 1024  # tasks carry rows' numbers, not pixels
_JOINING_SECONDS = 120


class RayEngine:
    """Holds the connection to Ray; ends the node that it started, never one from outside."""

    name = "ray"

    def __init__(self, workers: int, dashboard: str | None) -> None:
        self.workers = workers
        self.dashboard = dashboard
        self._kept: list[Any] = []
        self._kept_gpus = 0.0

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, retries: int, gpus: float = 0.0
    ) -> Iterator[Result]:
        """See `base.Engine.map`; one actor a worker, each given one item at a time.

        Actors are kept for the next map, as long as no other engine works and the GPUs asked for stay the same.
        No more actors than the cluster has GPUs for: one that waits for a GPU waits for ever, with its item.

        Raises
        ------
        EngineError
            The cluster has fewer GPUs than one actor asks for.
        """
        actors = self._most_actors(gpus)
        if gpus != self._kept_gpus:
            self.rest()
            self._kept_gpus = gpus
        pool = ActorPool[Item, Result](
            function, iter(items), actors=actors, gpus=gpus, retries=retries, kept=self._kept
        )
        yield from pool.results()

    def _most_actors(self, gpus: float) -> int:
        if not gpus:
            return self.workers
        found = float(ray.cluster_resources().get("GPU", 0))
        if found < gpus:
            raise EngineError(
                f"The stage asks for {gpus:g} GPU a worker, and this Ray cluster has {found:g}. Run it where there is "
                'one, or with device = "cpu".'
            )
        return min(self.workers, int(found // gpus))

    def rest(self) -> None:
        """Give back the processors, GPUs and memory of the actors that were kept."""
        while self._kept:
            ray.kill(self._kept.pop())

    def close(self) -> None:
        """Leave Ray; a local node ends with it."""
        ray.shutdown()


def open_ray(address: str | None, workers: int) -> RayEngine:
    """Start a local Ray node on loopback, or join the cluster at ``address`` (``auto`` or ``HOST:PORT``).

    In a cluster from outside no more than ``workers`` processors are used, and so many are waited for, two minutes at
    most; 0 takes those that are there.

    Raises
    ------
    UsageError
        A ``ray://`` address: the driver has to run inside the cluster.
    EngineError
        There is no such cluster, or it has no CPU.
    """
    if address:
        refuse_client_address(address)
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is None:
            # A local node listens on loopback only and ends with the driver: no token is needed to reach it.
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")
            context = ray.init(
                address="local",
                num_cpus=workers,
                object_store_memory=_OBJECT_STORE_BYTES,
                include_dashboard=True,
                dashboard_host="127.0.0.1",
                _node_ip_address="127.0.0.1",
                **common,
            )
        else:
            context = ray.init(address=address, **common)
            found = _await_processors(workers)
            workers = min(found, workers or found)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"joined at {address}" if address else "started on this machine"
        raise EngineError(f"Ray cannot be {where}: {str(error).splitlines()[0]}.") from error
    if workers < 1:
        raise EngineError(f"The Ray cluster at {address} has no CPU for work.")
    url = _dashboard() if address else getattr(context, "dashboard_url", None)
    return RayEngine(workers, f"http://{url}" if url else None)


def _dashboard() -> str | None:
    """Where the cluster's head says that its dashboard is.

    What ``ray.init`` returns was read before it waited for the node, and so is empty where the head had only begun to
    start, as it has within a batch job.
    """
    url = internal_kv._internal_kv_get("webui:url", namespace="dashboard")
    return url.decode() if url else None


def _await_processors(wanted: int) -> int:
    """Processors of the cluster, as soon as so many nodes have joined that there are ``wanted``."""
    deadline = time.monotonic() + _JOINING_SECONDS
    while True:
        found = int(ray.cluster_resources().get("CPU", 0))
        if found >= wanted or time.monotonic() >= deadline:
            return found
        time.sleep(0.2)
