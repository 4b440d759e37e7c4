"""Opening an index for work, as `run` and the stage commands do: what tells of it, its metrics, and its lock."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.listeners import open_listener
from jobs.options import Options
from pipeline.config import Recipe
from pipeline.progress import Listener, Several

if TYPE_CHECKING:
    from pipeline.runtime.execute import Runner


@contextmanager
def open_work(
    corpus: str, index: str, recipe: Recipe, options: Options, *, unread_only: bool = False, **more: Any
) -> Iterator["Runner"]:
    """A runner as the options of a command ask for it; ``more`` goes to `pipeline.job.open_runner`."""
    from pipeline.corpus.source import Corpus
    from pipeline.job import open_runner
    from pipeline.runtime.plan import RunOptions

    with (
        open_listener(quiet=options["quiet"], log_json=options["log_json"]) as teller,
        with_metrics(teller, options["metrics"], options["metrics_file"]) as listener,
        open_runner(
            Corpus(corpus, recipe.corpus),
            index,
            recipe,
            listener=listener,
            options=RunOptions(
                accept_removals=options["accept_removals"],
                rehash=options["rehash"],
                unread_only=unread_only,
                wait_seconds=options["wait_seconds"],
                corpus_moved=options.get("corpus_moved", False),
                asked=options.get("asked", ""),
                refit=options.get("refit", False),
                networks=options.get("networks", ()),
            ),
            **more,
        ) as runner,
    ):
        yield runner


@contextmanager
def with_metrics(listener: Listener, address: str | None, file: Path | None) -> Iterator[Listener]:
    """The listener, and beside it what --metrics and --metrics-file ask for."""
    if not (address or file):
        yield listener
        return
    from pipeline.runtime.metrics import Metrics, MetricsFile

    metrics = Metrics()
    writers = (MetricsFile(metrics, file),) if file else ()
    with metrics.serve(address) if address else nullcontext():
        yield Several(listener, metrics, *writers)
