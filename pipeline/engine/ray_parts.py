"""Whether the parts of Ray that this process depends on still live.

Ray does not tell a driver that its raylet is gone, which ends with its agents: the work waits for ever. And some time
after the head's GCS has gone Ray ends the driver itself, without a word.
"""

import socket
import time

import ray

from pipeline.errors import EngineError

LOOK_SECONDS = 2.0
"""How often to look, at least."""

_CONNECTING_SECONDS = 5.0
_HEAD_RETURNS_SECONDS = 40.0  # Ray itself gives up after 60


class RayParts:
    """Looks from time to time whether anybody listens where the raylet of this node and the GCS should be.

    Nobody starts a raylet again. A cluster's GCS may come back, as one on Kubernetes does; a local one does not.
    """

    def __init__(self, *, local: bool) -> None:
        context = ray.get_runtime_context()
        own = next(node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
        host, _, port = context.gcs_address.rpartition(":")
        self._raylet = (str(own["NodeManagerAddress"]), int(own["NodeManagerPort"]))
        self._gcs = (host, int(port))
        self._gcs_answered = time.monotonic()
        self._patience = 0.0 if local else _HEAD_RETURNS_SECONDS
        self._next_look = 0.0
        self.lost = ""

    def look(self) -> None:
        """Look, unless that was done in the last seconds.

        Raises
        ------
        EngineError
            A part is gone for good: after at most 7 s a raylet or a local GCS, after 47 s a cluster's.
        """
        now = time.monotonic()
        if now < self._next_look and not self.lost:
            return
        self._next_look = now + LOOK_SECONDS
        if _listens(self._gcs, unsure=self._patience == 0):
            self._gcs_answered = now
        elif now - self._gcs_answered >= self._patience:
            self.lost = f"Ray's head process (GCS) at {self._gcs[0]}:{self._gcs[1]} has ended"
        if not _listens(self._raylet, unsure=True):
            self.lost = f"Ray's node process (raylet) at {self._raylet[0]}:{self._raylet[1]} has ended"
        if self.lost:
            raise EngineError(
                f"{self.lost}, or one of the agents that it ends with; a lack of memory is the usual cause. What was "
                "committed is kept: run the same command again to go on."
            )


def _listens(place: tuple[str, int], *, unsure: bool) -> bool:
    """Whether a connection is accepted there; ``unsure`` if it is neither accepted nor refused, as when busy."""
    try:
        socket.create_connection(place, timeout=_CONNECTING_SECONDS).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return unsure
    return True
