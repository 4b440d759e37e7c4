"""semcorpus: from a heap of electron micrographs to a clean, scaled, embedded and clustered index."""

from typing import TYPE_CHECKING

from pipeline import telemetry

if TYPE_CHECKING:
    from pipeline.index.store import open_index
    from pipeline.job import run

__all__ = ["open_index", "run"]

telemetry.turn_off()


def __getattr__(name: str) -> object:
    """Import on first use: `run` brings Dask, and reading an index does not need it."""
    if name == "run":
        from pipeline.job import run

        return run
    if name == "open_index":
        from pipeline.index.store import open_index

        return open_index
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
