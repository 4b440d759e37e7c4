"""Ports of this machine that nobody listens on."""

import socket


def free_ports(count: int) -> list[int]:
    """So many different ones, free at this moment."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports
