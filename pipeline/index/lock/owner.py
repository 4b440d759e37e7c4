"""Who writes an index: written into its lock, read by whoever finds it held."""

import getpass
import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

# How long an owner that says nothing more still counts as alive. Its clock and the reader's may differ by seconds, not
# by minutes.
LEASE = timedelta(seconds=180)


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that holds an index for writing.

    Attributes
    ----------
    token : str
        Unique to this hold of the lock.
    user, host : str
    process : int
        Its number on that host.
    machine : str
        The host's boot and the process' number space: only there can the process be looked for.
    birth : str
        When the process began, in the kernel's ticks: numbers of processes are used again.
    since, expires : datetime
        UTC. The owner puts ``expires`` off as long as it lives.
    doing : str
        What it works on.
    """

    token: str
    user: str
    host: str
    process: int
    machine: str
    birth: str
    since: datetime
    expires: datetime
    doing: str = ""

    def __str__(self) -> str:
        since = self.since.isoformat(timespec="seconds")
        doing = f", now at {self.doing}" if self.doing else ""
        return f"process {self.process} of {self.user} on {self.host}, since {since}{doing}"

    def renewed(self, doing: str) -> "Owner":
        """The same owner, alive now."""
        return replace(self, expires=datetime.now(UTC) + LEASE, doing=doing)

    @property
    def is_alive(self) -> bool:
        """Whether it must be assumed to write still: on this machine by looking, elsewhere until it expires."""
        if self.machine == _machine():
            return _birth(self.process) == self.birth
        return datetime.now(UTC) < self.expires

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), default=datetime.isoformat)

    @classmethod
    def from_json(cls, text: str) -> "Owner | None":
        """None for an empty text, or one that no semcorpus of this kind wrote."""
        try:
            found: dict[str, Any] = json.loads(text)
            times = {name: datetime.fromisoformat(found[name]) for name in ("since", "expires")}
            return cls(**{**found, **times})
        except (ValueError, KeyError, TypeError):
            return None


def this_process() -> Owner:
    """This process as a new owner."""
    now, process = datetime.now(UTC), os.getpid()
    token = uuid.uuid4().hex
    return Owner(token, _user(), socket.gethostname(), process, _machine(), _birth(process), now, now + LEASE)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"user {os.getuid()}"


def _machine() -> str:
    """Empty where there is no /proc to tell: then nothing can be said of other processes, and only time tells."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return f"unknown {uuid.getnode()} {os.getpid()}"


def _birth(process: int) -> str:
    """The start time of a process, empty if there is none of that number."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    state, start = fields[0], fields[19]
    return "" if state in "ZX" else start
