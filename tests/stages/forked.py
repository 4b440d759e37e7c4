"""The command line in processes that are forked, so that many can be killed and none imports everything again."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import TextIO

from jobs.main import main

_SERVER = multiprocessing.get_context("forkserver")


class ForkedCommand:
    """A command at work, as far as it is like a `subprocess.Popen`."""

    def __init__(self, process: ForkServerProcess, stderr: TextIO) -> None:
        self._process = process
        self.stderr = stderr
        assert process.pid is not None
        self.pid = process.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def wait(self, timeout: float) -> int:
        """Its exit status, or the signal that ended it, negative."""
        self._process.join(timeout)
        assert self._process.exitcode is not None, f"it has not ended after {timeout} s"
        return self._process.exitcode


@contextmanager
def forked_command(words: list[str]) -> Iterator[ForkedCommand]:
    """Run ``semcorpus`` with these words; what it prints is dropped, what it says on standard error can be read."""
    _SERVER.set_forkserver_preload(["jobs.run", "pipeline.job", "pipeline.models.convolutional"])
    reader, writer = _SERVER.Pipe(duplex=False)
    process = _SERVER.Process(target=_command, args=(words, writer))
    process.start()
    writer.close()
    with os.fdopen(os.dup(reader.fileno()), encoding="utf-8") as stderr:
        reader.close()
        try:
            yield ForkedCommand(process, stderr)
        finally:
            process.kill()
            process.join()


def _command(words: list[str], errors: Connection) -> None:
    os.dup2(errors.fileno(), 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    errors.close()
    main(words)
