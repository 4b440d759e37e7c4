"""Ray actors, on a local node or in the Ray cluster that the driver runs in."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipeline.engine.base import Item, Result
from pipeline.engine.opening import refuse_client_address
from pipeline.errors import EngineError

os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
import ray.exceptions
from ray.experimental import internal_kv

from pipeline.engine.local_ray import LocalRay
from pipeline.engine.ray_parts import RayParts
from pipeline.engine.ray_pool import ActorPool

_OPTIONS: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
_JOINING_SECONDS = 120


class RayEngine:
    """Holds the connection to Ray; ends the node that it started, never one from outside."""

    name = "ray"

    def __init__(self, workers: int, dashboard: str | None, local: LocalRay | None = None) -> None:
        self.workers = workers
        self.dashboard = f"http://{dashboard}" if dashboard else None
        self.token_file = local.token_file if local else None
        self._local = local
        self._parts = RayParts(local=local is not None)
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
            The cluster has fewer GPUs than one actor asks for, or a part of Ray is gone for good.
        """
        actors = self._most_actors(gpus)
        if gpus != self._kept_gpus:
            self.rest()
            self._kept_gpus = gpus
        pool = ActorPool[Item, Result](
            function,
            iter(items),
            self._parts,
            actors=actors,
            gpus=gpus,
            retries=retries,
            kept=self._kept,
            environment=self._local.worker_environment if self._local else {},
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
            actor = self._kept.pop()
            if not self._parts.lost:
                ray.kill(actor)

    def close(self) -> None:
        """Leave Ray; a local node ends with it."""
        if self._local is None:
            ray.shutdown()
        else:
            self._local.close()


def open_ray(address: str | None, workers: int) -> RayEngine:
    """Start a Ray node that only this run can reach, or join the cluster at ``address`` (``auto`` or ``HOST:PORT``).

    A cluster is joined with the token that the environment has (``RAY_AUTH_TOKEN``, ``RAY_AUTH_TOKEN_PATH`` or
    ``~/.ray/auth_token``). No more than ``workers`` of its processors are used, and so many are waited for, two minutes
    at most; 0 takes those that are there.

    Raises
    ------
    UsageError
        A ``ray://`` address: the driver has to run inside the cluster.
    EngineError
        Ray does not start, or there is no such cluster, or it refuses us or has no CPU.
    """
    if address is None:
        local = _start(workers)
        return RayEngine(workers, local.dashboard, local)
    refuse_client_address(address)
    try:
        ray.init(address=address, **_OPTIONS)
        found = _await_processors(workers)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise EngineError(f"Ray cannot be joined at {address}: {_first_line(error)}") from error
    workers = min(found, workers or found)
    if workers < 1:
        raise EngineError(f"The Ray cluster at {address} has no CPU for work.")
    return RayEngine(workers, _dashboard())


def _start(workers: int) -> LocalRay:
    try:
        return LocalRay(workers, _OPTIONS)
    except EngineError:
        raise
    except Exception as error:  # of whatever kind: Ray raises plain Exception where one of its processes ends
        raise EngineError(f"Ray cannot be started on this machine: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


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
