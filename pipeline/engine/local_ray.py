"""A Ray node for one run: it listens on loopback alone and obeys only those who have the run's token.

Ray turns a loopback address into the machine's own, and then listens on all addresses, unless it is told that it is on
a system where it may not build clusters. The token is made anew for each run and lies in a file in the run's private
folder. Ray's processes learn its place from their environment; nothing else that the run starts does.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

from pipeline.engine.ray_folder import RAYS_PART, private_folder
from pipeline.engine.ray_pool import set_environment
from pipeline.errors import EngineError

LOOPBACK = "127.0.0.1"
_OBJECT_STORE_BYTES = 256 * 1024 * 1024  # tasks carry rows' numbers, not pixels
_TOKEN_BYTES = 32


class LocalRay:
    """The node, from its start to `close`.

    Attributes
    ----------
    dashboard : str or None
        HOST:PORT of the dashboard, on loopback.
    token_file : Path
        Where the token is that the dashboard asks for, readable by this user only.
    worker_environment : dict of str to str or None
        What workers have to set anew, since they inherit what Ray's own processes got; None unsets.
    """

    def __init__(self, workers: int, options: Mapping[str, Any]) -> None:
        self._held = ExitStack()
        try:
            folder = self._held.enter_context(private_folder())
            self._held.callback(_read_environment_again)  # for the next node, or cluster, of this process
            self._held.callback(ray.shutdown)
            self.token_file = _new_token(folder)
            self.worker_environment = {"HOME": os.environ.get("HOME")}
            with _closed_to_others(self.token_file, _home_without_cloud(folder)):
                context: Any = ray.init(
                    address="local",
                    num_cpus=workers,
                    object_store_memory=_OBJECT_STORE_BYTES,
                    include_dashboard=True,
                    dashboard_host=LOOPBACK,
                    _node_ip_address=LOOPBACK,
                    _temp_dir=str(folder / RAYS_PART),
                    **options,
                )
            _refuse_open_doors(context.address_info["node_ip_address"])
        except BaseException:
            self._held.close()
            raise
        self.dashboard: str | None = context.dashboard_url or None

    def close(self) -> None:
        """End the node; its folder goes with it."""
        self._held.close()


def _refuse_open_doors(address: str) -> None:
    if address != LOOPBACK:
        raise EngineError(
            f"Ray {ray.__version__} listens on {address} instead of {LOOPBACK}, where others reach it; semcorpus does "
            "not work with this version. Install the versions of constraints.txt."
        )


def _home_without_cloud(folder: Path) -> Path:
    """A home for Ray's own processes.

    Where it does not find this description of a cluster, its dashboard asks the network for the metadata service of
    each cloud, whether usage reports are on or off.
    """
    home = folder / "home"
    home.mkdir()
    (home / "ray_bootstrap_config.yaml").write_text("{}\n")
    return home


def _new_token(folder: Path) -> Path:
    path = folder / "token"
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(_TOKEN_BYTES))
    return path


@contextmanager
def _closed_to_others(token_file: Path, home: Path) -> Iterator[None]:
    """The environment in which Ray starts its processes, and this process's own settings like theirs."""
    changed = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token_file),
        "RAY_AUTH_TOKEN": None,  # it would come before the file
        "HOME": str(home),
        ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR: "0",
    }
    before = {name: os.environ.get(name) for name in changed}
    clusters = ray_constants.ENABLE_RAY_CLUSTER
    try:
        set_environment(changed)
        ray_constants.ENABLE_RAY_CLUSTER = False
        _read_environment_again()
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = clusters
        set_environment(before)


def _read_environment_again() -> None:
    """Ray remembers mode and token for as long as the process lives.

    The mode comes first: a thread that still ends its work must not look for a token that is gone.
    """
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
