"""The job's own Prometheus metrics: scraped while it runs, or left in a file for the node exporter."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server, write_to_textfile

from pipeline.errors import UsageError
from pipeline.progress import Event, RunStarted, StageFinished, StageStarted, TaskDone
from pipeline.records import PICTURES, SCALE_STATUSES_WITH_VALUE

_SECONDS_BETWEEN_FILES = 15.0
_BATCH_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)

# Statuses that are no failures, by stage; any other status of the stage counts as one.
_SOUND: Mapping[str, frozenset[str]] = {
    "walk": frozenset({*PICTURES, "document", "gone"}),
    "scale": SCALE_STATUSES_WITH_VALUE | {"no_bar"},
}


class Metrics:
    """Counts what a run does, in a registry of its own.

    ==============================================  =========  ====================================================
    name                                            kind       what
    ==============================================  =========  ====================================================
    ``semcorpus_run_info{run_id,commit,index}``     gauge      1; which run this is, and the commit that it began at
    ``semcorpus_files{status}``                     gauge      files of the ledger, after the last walk
    ``semcorpus_items_total{stage}``                counter    files or pictures that this run has done
    ``semcorpus_skipped_total{stage}``              counter    those that could not be done now
    ``semcorpus_failures{stage,status}``            gauge      files without an image, pictures without a scale, ...
    ``semcorpus_stage_progress_ratio{stage}``       gauge      0 to 1, of the step that the stage is at
    ``semcorpus_stage_seconds{stage}``              gauge      what the stage has taken so far
    ``semcorpus_queue_tasks{stage}``                gauge      pieces of the step that are not done yet
    ``semcorpus_batch_seconds{stage}``              histogram  a piece's seconds on its worker (GPU stages: a shard)
    ``semcorpus_last_activity_timestamp_seconds``   gauge      when something was last done; an alarm's best friend
    ==============================================  =========  ====================================================
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._run = Gauge("semcorpus_run_info", "The run.", ["run_id", "commit", "index"], registry=self.registry)
        self._files = self._gauge("files", "Files of the ledger by status.", "status")
        self._items = self._counter("items", "Files or pictures done.")
        self._skipped = self._counter("skipped", "Files or pictures that could not be done now.")
        self._failures = self._gauge("failures", "Files or pictures without a result.", "stage", "status")
        self._progress = self._gauge("stage_progress_ratio", "Share of the step that is done.", "stage")
        self._seconds = self._gauge("stage_seconds", "Seconds of the stage so far.", "stage")
        self._queue = self._gauge("queue_tasks", "Pieces of the step that are not done.", "stage")
        self._active = Gauge(
            "semcorpus_last_activity_timestamp_seconds", "When something was last done.", registry=self.registry
        )
        self._batch = Histogram(
            "semcorpus_batch_seconds",
            "Seconds of a piece of work.",
            ["stage"],
            registry=self.registry,
            buckets=_BATCH_SECONDS,
        )
        self._began: dict[str, float] = {}
        self._step = StageStarted("", "", 0, 0, "")
        self._done = 0
        self._tasks_done = 0

    def tell(self, event: Event) -> None:
        """Count what the event says."""
        match event:
            case RunStarted():
                self._run_started(event)
            case StageStarted():
                self._stage_started(event)
            case TaskDone():
                self._advanced(event)
            case StageFinished():
                self._stage_finished(event)
            case _:
                pass

    def _run_started(self, started: RunStarted) -> None:
        """Name the run."""
        self._run.labels(started.run, started.commit, started.index).set(1)
        self._active.set_to_current_time()

    def _stage_started(self, started: StageStarted) -> None:
        """Begin a step."""
        self._step, self._done, self._tasks_done = started, 0, 0
        self._began.setdefault(started.stage, time.monotonic())
        self._queue.labels(started.stage).set(started.tasks)
        self._progress.labels(started.stage).set(0.0)

    def _advanced(self, done: TaskDone) -> None:
        """Count a piece."""
        self._done += done.items
        self._tasks_done += 1
        self._items.labels(done.stage).inc(done.items - done.skipped)
        self._skipped.labels(done.stage).inc(done.skipped)
        self._batch.labels(done.stage).observe(done.seconds)
        self._queue.labels(done.stage).set(max(0, self._step.tasks - self._tasks_done))
        self._progress.labels(done.stage).set(min(1.0, self._done / max(1, self._step.items)))
        self._seconds.labels(done.stage).set(time.monotonic() - self._began.get(done.stage, time.monotonic()))
        self._active.set_to_current_time()

    def _stage_finished(self, finished: StageFinished) -> None:
        """Take the stage's totals."""
        self._seconds.labels(finished.stage).set(finished.seconds)
        self._progress.labels(finished.stage).set(1.0)
        self._queue.labels(finished.stage).set(0)
        for status, count in finished.statuses.items():
            if finished.stage == "walk":
                self._files.labels(status).set(count)
            if status not in _SOUND.get(finished.stage, frozenset()):
                self._failures.labels(finished.stage, status).set(count)
        self._active.set_to_current_time()

    @contextmanager
    def serve(self, address: str) -> Iterator[int]:
        """Answer scrapes at ``[HOST:]PORT`` and give the port; without a host only this machine is answered."""
        host, _, port = address.rpartition(":")
        if not port.isdigit() or int(port) >= 2**16:
            raise UsageError(f"--metrics takes [HOST:]PORT, for example 9108 or 0.0.0.0:9108; got {address!r}.")
        try:
            server, thread = start_http_server(int(port), host or "127.0.0.1", registry=self.registry)
        except OSError as error:
            raise UsageError(f"The metrics cannot be served at {address}: {error.strerror or error}.") from error
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"semcorpus_{name}", text, labels, registry=self.registry)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"semcorpus_{name}", text, ["stage"], registry=self.registry)


class MetricsFile:
    """Writes metrics into a file every so often, whole and at once, as the node exporter's text collector wants them.

    It stands after the `Metrics` among the listeners.
    """

    def __init__(self, metrics: Metrics, path: Path) -> None:
        if not path.parent.is_dir():
            raise UsageError(f"The metrics cannot be written to {path}: there is no folder {path.parent}.")
        self._metrics = metrics
        self._path = path
        self._written = 0.0

    def tell(self, event: Event) -> None:
        """Write when a stage is through, and meanwhile every so often."""
        due = time.monotonic() - self._written > _SECONDS_BETWEEN_FILES
        if isinstance(event, StageFinished) or (isinstance(event, TaskDone) and due):
            self.write()

    def write(self) -> None:
        """Write the file now."""
        self._written = time.monotonic()
        try:
            write_to_textfile(str(self._path), self._metrics.registry)
        except OSError as error:
            raise UsageError(f"The metrics cannot be written to {self._path}: {error.strerror}.") from error
