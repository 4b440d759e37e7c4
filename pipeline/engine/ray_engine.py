"""Ray actors, on a local node or in the Ray cluster that the driver runs in."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipeline.engine.base import Item, Result, WorkFailedError
from pipeline.engine.opening import refuse_client_address
from pipeline.errors import EngineError

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
import ray.exceptions

_OBJECT_STORE_BYTES = 256 * 1024 * 1024  # tasks carry rows' numbers, not pixels


class _Worker:
    """Runs the pieces of work that it is sent; what they keep (a network) lives as long as the actor."""

    def run(self, function: Callable[[Any], Any], item: Any) -> Any:
        return function(item)


class RayEngine:
    """Holds the connection to Ray; ends the node that it started, never one from outside."""

    name = "ray"

    def __init__(self, workers: int, dashboard: str | None) -> None:
        self.workers = workers
        self.dashboard = dashboard

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, retries: int, gpus: float = 0.0
    ) -> Iterator[Result]:
        """See `base.Engine.map`; one actor a worker, each given one item at a time.

        No more actors than the cluster has GPUs for: one that waits for a GPU waits for ever, with its item.

        Raises
        ------
        EngineError
            The cluster has fewer GPUs than one actor asks for.
        """
        most = self._most_actors(gpus)
        source = iter(items)
        actors: list[Any] = []
        running: dict[Any, tuple[Any, Item]] = {}
        try:
            for item in source:
                actor = self._actor(retries, gpus)
                actors.append(actor)
                running[_send(actor, function, item, retries)] = (actor, item)
                if len(actors) == most:
                    break
            while running:
                done, _ = ray.wait(list(running), num_returns=1)
                actor, item = running.pop(done[0])
                result = _result(done[0], item)
                following = next(source, _NOTHING)
                if following is not _NOTHING:
                    running[_send(actor, function, following, retries)] = (actor, following)  # type: ignore[assignment]
                yield result
        finally:
            for actor in actors:
                ray.kill(actor)

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

    def _actor(self, retries: int, gpus: float) -> Any:
        options = {"num_cpus": 1, "num_gpus": gpus, "max_restarts": -1, "max_task_retries": retries}
        return ray.remote(_Worker).options(**options, max_concurrency=1).remote()

    def close(self) -> None:
        """Leave Ray; a local node ends with it."""
        ray.shutdown()


_NOTHING = object()


def _send(actor: Any, function: Callable[[Any], Any], item: Any, retries: int) -> Any:
    return actor.run.options(max_task_retries=retries, retry_exceptions=retries > 0).remote(function, item)


def _result(reference: Any, item: object) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise WorkFailedError(item, f"{type(error.cause).__name__}: {error.cause}") from error
    except ray.exceptions.RayError as error:
        raise WorkFailedError(item, f"{type(error).__name__}: {str(error).splitlines()[0]}") from error


def open_ray(address: str | None, workers: int) -> RayEngine:
    """Start a local Ray node on loopback, or join the cluster at ``address`` (``auto`` or ``HOST:PORT``).

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
            workers = int(ray.cluster_resources().get("CPU", 0))
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"joined at {address}" if address else "started on this machine"
        raise EngineError(f"Ray cannot be {where}: {str(error).splitlines()[0]}.") from error
    if workers < 1:
        raise EngineError(f"The Ray cluster at {address} has no CPU for work.")
    url = getattr(context, "dashboard_url", None)
    return RayEngine(workers, f"http://{url}" if url else None)
