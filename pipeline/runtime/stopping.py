"""Asking a run to stop where it loses nothing."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import StoppedError


class StopRequest:
    """Set by a signal or by another thread; a run looks at it between tasks and between stages.

    Examples
    --------
    >>> stop = StopRequest()
    >>> stop.check("before embed")
    >>> stop.request()
    >>> stop.requested
    True
    """

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def requested(self) -> bool:
        """Whether the run is to stop."""
        return self._event.is_set()

    def request(self) -> None:
        """Stop at the next checkpoint."""
        self._event.set()

    def check(self, where: str) -> None:
        """Raise `StoppedError` if the run is to stop; everything is committed at this point."""
        if self.requested:
            raise StoppedError(f"Stopped {where}, as asked. Nothing is lost: run the same command again to go on.")


@contextmanager
def stop_at_signal(number: signal.Signals = signal.SIGUSR1) -> Iterator[StopRequest]:
    """A request that a signal makes, as a batch system sends it some minutes before the time limit.

    Outside the main thread, where Python handles no signals, nothing but a call makes it.
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(number, lambda *_: stop.request())
    try:
        yield stop
    finally:
        signal.signal(number, before)
