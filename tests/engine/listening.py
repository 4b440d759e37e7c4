"""Which sockets a process and all below it listen on."""

import ipaddress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Door:
    """A socket that accepts what others send."""

    process: str
    address: str
    port: int

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        address = ipaddress.ip_address(self.address)
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback


def processes_below(root: psutil.Process) -> list[psutil.Process]:
    """The process itself and all that it has started, directly or not, and that has not ended."""
    return [root, *(child for child in root.children(recursive=True) if _lives(child))]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def doors(root: psutil.Process) -> list[Door]:
    """Listening TCP sockets, and UDP sockets that are bound without a peer."""
    found = []
    for process in processes_below(root):
        try:
            connections = process.net_connections(kind="inet")
        except psutil.NoSuchProcess:
            continue
        for connection in connections:
            waits = connection.status == psutil.CONN_LISTEN or (
                connection.status == psutil.CONN_NONE and connection.laddr and not connection.raddr
            )
            if waits:
                found.append(Door(process.name(), connection.laddr.ip, connection.laddr.port))
    return found
