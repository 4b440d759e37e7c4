"""A Ray cluster of two simulated nodes, and Dask on it: prints what was seen as JSON. A program, since a process can
join one Ray cluster only and the tests' own process has another."""

import json
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import ray
from ray.cluster_utils import Cluster

from pipeline import run
from pipeline.engine import Engine, EngineChoice, Engines
from pipeline.engine.dask_on_ray import RayNodesCluster
from pipeline.progress import Silent
from tests.stages.conftest import cheap_recipe

STORE_BYTES = 100_000_000


def node_of(number: int) -> int:
    """Where the work is done: the process number of the node's raylet."""
    time.sleep(0.2)
    return next(parent.pid for parent in psutil.Process().parents() if parent.name() == "raylet")


def wait_until(condition: Callable[[], bool], seconds: float = 150) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def lose_a_node(cluster: Cluster, engine: Engine) -> tuple[int, int]:
    """Kill the second node in the middle of a map: the results that came anyway, and the workers that are left."""
    results = engine.map(abs, range(-200, 0), retries=3)
    came = [next(results)]
    cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
    came += results
    return len(set(came)), engine.workers


def late_look(cluster: Cluster, engine: Any) -> tuple[int, int]:
    """Workers on a node that came with less memory: while those asked for before take it, and after a look."""
    nodes: RayNodesCluster = engine._nodes
    nodes._looking.stop()
    cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
    wait_until(lambda: engine.workers == 1 and nodes.capacity == 1)
    nodes.scale(1)
    nodes.scale(3)  # two wait, with as much memory as the node that is left has for one
    cluster.add_node(num_cpus=2, object_store_memory=STORE_BYTES, memory=3_000_000_000)
    wait_until(lambda: engine.workers == 2)
    before = engine.workers
    nodes.sync(nodes._begin_looking)
    wait_until(lambda: engine.workers == 3)
    return before, engine.workers


def engines_on_two_nodes(cluster: Cluster) -> dict[str, Any]:
    """Dask, Ray, Dask, each with all processors; then a node is lost and replaced."""
    seen: dict[str, Any] = {}
    with Engines(EngineChoice.parse("dask,ray", ray=cluster.address), Silent()) as engines:
        dask = engines.pick("dask", seconds=1)
        assert dask.dashboard is not None
        seen["workers"] = dask.workers
        seen["status_page"] = urllib.request.urlopen(dask.dashboard).status
        seen["dask_nodes"] = len(set(dask.map(node_of, range(24), retries=1)))
        seen["free_while_dask_works"] = ray.available_resources().get("CPU", 0)
        on_ray = engines.pick("ray", seconds=1)
        seen["free_when_dask_rests"] = wait_until(lambda: ray.available_resources().get("CPU", 0) == 3)
        seen["resting_workers"] = dask.workers
        seen["ray_nodes"] = len(set(on_ray.map(node_of, range(24), retries=1)))
        dask = engines.pick("dask", seconds=1)
        seen["dask_after_loss"] = lose_a_node(cluster, dask)
        # A node rarely comes back with as much free memory as it had: with less, it has as many workers.
        cluster.add_node(num_cpus=2, object_store_memory=STORE_BYTES, memory=3_000_000_000)
        wait_until(lambda: dask.workers == 3)
        seen["workers_after_loss"] = dask.workers
        seen["workers_after_a_late_look"] = late_look(cluster, dask)
        on_ray = engines.pick("ray", seconds=1)
        seen["ray_after_loss"] = lose_a_node(cluster, on_ray)[0]
    return seen


def whole_job(cluster: Cluster, demo: Path, index: Path) -> None:
    """The job over both nodes, without its report, which is no array."""
    cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    choice = EngineChoice.parse("dask,ray", ray=cluster.address)
    run(demo / "corpus", index, recipe=cheap_recipe(demo), engines=choice, until="agree")


def main(demo: Path, index: Path) -> None:
    """Everything on one cluster."""
    head = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "include_dashboard": False, "memory": 2_000_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        cluster.add_node(num_cpus=2, object_store_memory=STORE_BYTES, memory=4_000_000_000)
        seen = engines_on_two_nodes(cluster)
        whole_job(cluster, demo, index)
        print(json.dumps(seen))
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
