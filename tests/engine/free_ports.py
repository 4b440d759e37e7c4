"""Ports of this machine that nobody listens on."""

import itertools
import random
import socket

# Below those that connections take by themselves, one of which could be the chosen one a moment later, and above those
# that Ray gives its workers.
_PORTS = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """So many different ones, free at this moment."""
    shuffled = random.sample(_PORTS, len(_PORTS))
    return list(itertools.islice(filter(_is_free, shuffled), count))


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
