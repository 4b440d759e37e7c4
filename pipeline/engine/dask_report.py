"""Dask's own page on a run (tasks over time, profiles, the scheduler's log), for after its dashboard is gone."""

import html
import re
import time
from collections.abc import Callable
from typing import Any

from distributed import Client

from pipeline.engine.base import ReportPlace

FILE_NAME = "dask.html"

_ICON = re.compile(r'<link rel="shortcut icon"[^>]*>')  # the page asks a foreign server for it
_SECONDS = 60.0  # a scheduler that is gone is not waited for longer


class PerformanceReport:
    """Follows the scheduler from now on, and writes the page once there was work.

    What goes wrong with it never fails a run: it is said, in one sentence.
    """

    def __init__(self, client: Client, place: ReportPlace) -> None:
        self._client = client
        self._place = place
        self._start = time.time()
        self._worked = False
        self._page: bytes | None = None
        self._first_sample = 0
        self._trying("begun", self._begin)

    def worked(self) -> None:
        """There are tasks that the page does not tell of yet."""
        self._worked = True

    def take(self) -> None:
        """Make the page now, since workers and what they know of themselves are about to go; nothing without work."""
        if self._worked:
            self._worked = False
            self._trying("made", self._take)

    def write(self) -> None:
        """Write the page; nothing if no task was done."""
        self.take()
        if self._page is not None:
            page, self._page = self._page, None
            self._trying("written", lambda: self._place.write(FILE_NAME, page))

    def _begin(self) -> None:
        # A lambda travels by value: a scheduler from outside need not have this package.
        self._first_sample = self._client.run_on_scheduler(lambda dask_scheduler: int(dask_scheduler.monitor.count))
        self._client.get_task_stream(start=0, stop=0)  # from now on the scheduler remembers tasks

    def _take(self) -> None:
        if self._client.status != "running":
            raise ConnectionError("the scheduler is gone")  # a call would wait for it
        # `distributed.performance_report` writes the page to a path of its own; this is the call below it. Scripts and
        # styles are in the page, which has to open where there is no internet.
        scheduler: Any = self._client.scheduler
        page: str = self._client.sync(
            scheduler.performance_report,
            start=self._start,
            last_count=self._first_sample,
            code=html.escape(self._place.about),
            mode="inline",
            callback_timeout=_SECONDS,
        )
        self._page = _ICON.sub("", page).encode()

    def _trying(self, what: str, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as error:  # whatever a foreign scheduler or a full disk comes up with
            reason = str(error).strip().splitlines()
            words = f"{type(error).__name__}: {reason[0]}" if reason else type(error).__name__
            self._place.note(f"Dask's report of this run could not be {what}: {words}")
