"""A process in which everything is imported once and of which each command is a fork, with the shim preloaded.

A line of JSON on its standard input starts a command; its process is the answer. Not Python's forkserver: that one is
shared by all tests of a session, and has no shim.
"""

import contextlib
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from pipeline.kernels.signatures.candidate_pairs import near_signature_pairs
from tests.faults import shim

ROOT = Path(__file__).resolve().parents[2]
_LONGEST_SECONDS = 120
# What a run imports by and by: two thirds of the time of a small one.
_NEEDED = (
    "jobs.run",
    "matplotlib.backends.backend_svg",
    "pandas",
    "pipeline.job",
    "pipeline.models.weights_files",
    "pipeline.reporting.page",
    "pipeline.stages.report.write",
)


class HungError(Exception):
    """A command that has not ended in time."""


class Command:
    """A command at work: its process, what it says on standard error, its exit status."""

    def __init__(self, process: psutil.Process, folder: Path) -> None:
        self.process = process
        self._folder = folder

    def said(self) -> str:
        """Standard error so far."""
        return (self._folder / "said").read_text(errors="replace")

    def events(self) -> list[dict[str, Any]]:
        """The whole lines of its log so far."""
        lines = self.said().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    def happened(self) -> int:
        """How many calls went wrong."""
        return shim.counted(self._folder / "control")[1]

    def calls(self) -> dict[shim.Call, int]:
        """How many calls of each kind there were below the folder of the fault."""
        return shim.counted(self._folder / "control")[0]

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return not (self._folder / "status").exists()

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.process.kill()

    def wait(self, seconds: float = _LONGEST_SECONDS) -> int:
        """Its exit status, negative where a signal ended it.

        Raises
        ------
        HungError
            It has not ended in time; it is killed.
        """
        deadline = time.monotonic() + seconds
        while self.is_running():
            if time.monotonic() > deadline:
                self.kill()
                raise HungError(f"after {seconds} s: {self.said()[-2000:]}")
            time.sleep(0.02)
        return int((self._folder / "status").read_text())


class Nursery:
    """Starts commands; ended by `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started = 0
        library = shim.build(folder)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=ROOT,
            env=os.environ | {"LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self,
        words: list[str],
        *,
        fault: shim.Fault | None = None,
        environment: Mapping[str, str] | None = None,
        memory_bytes: int = 0,
    ) -> Command:
        """Start ``semcorpus`` with these words.

        ``memory_bytes`` is how much more address space it may have than it begins with; 0 sets no limit.
        """
        self._started += 1
        folder = self._folder / f"command{self._started}"
        folder.mkdir()
        shim.new_control(folder / "control")
        (folder / "said").touch()
        order = {
            "words": words,
            "folder": str(folder),
            "fault": asdict(fault) if fault else None,
            "environment": dict(environment or {}),
            "memory_bytes": memory_bytes,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return Command(psutil.Process(int(self._process.stdout.readline())), folder)

    def close(self) -> None:
        """End it; no command may be at work."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def nursery(folder: Path) -> Iterator[Nursery]:
    """A nursery for a while."""
    made = Nursery(folder)
    try:
        yield made
    finally:
        made.close()


def _serve() -> None:
    for name in _NEEDED:
        importlib.import_module(name)
    near_signature_pairs(np.zeros((2, 768), np.uint8), tolerance=6, crowd=2)  # its compiled loops are loaded
    for line in sys.stdin:
        order = json.loads(line)
        reader, writer = os.pipe()
        if os.fork() == 0:  # it waits for the command, so that this loop need not
            _watch(order, writer)
        os.close(writer)
        with os.fdopen(reader) as answer:
            print(answer.readline().strip(), flush=True)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _watch(order: dict[str, Any], writer: int) -> None:
    child = os.fork()
    if child == 0:
        os.close(writer)
        _command(order)
    os.write(writer, f"{child}\n".encode())
    os.close(writer)
    _, status = os.waitpid(child, 0)
    part = Path(order["folder"]) / "status.part"
    part.write_text(str(os.waitstatus_to_exitcode(status)))
    part.rename(part.with_suffix(""))
    os._exit(0)


def _command(order: dict[str, Any]) -> None:
    from jobs.main import call
    from pipeline.imaging.isolation.decoding import close_isolated

    folder = Path(order["folder"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(folder / "said", os.O_WRONLY | os.O_APPEND), 2)
    os.environ.update(order["environment"])
    if order["memory_bytes"]:
        limit = psutil.Process().memory_info().vms + order["memory_bytes"]
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if order["fault"]:
        shim.arm(str(folder / "control"), shim.Fault(**order["fault"]))
    status = call(order["words"])
    close_isolated()  # as at the end of any Python process
    os._exit(status)


if __name__ == "__main__":
    _serve()
