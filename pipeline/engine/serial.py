"""The reference engine: one process, one item after the other."""

from collections.abc import Callable, Iterable, Iterator

from pipeline.engine.base import Item, Result, WorkFailedError


class SerialEngine:
    """Runs everything in this process."""

    name = "local"
    workers = 1
    dashboard: str | None = None

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, retries: int, gpus: float = 0.0
    ) -> Iterator[Result]:
        """See `base.Engine.map`; ``gpus`` needs no arranging within one process."""
        for item in items:
            yield _with_retries(function, item, retries)

    def rest(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing to end."""


def _with_retries(function: Callable[[Item], Result], item: Item, retries: int) -> Result:
    for attempt in range(retries + 1):
        try:
            return function(item)
        except Exception as error:
            if attempt == retries:
                raise WorkFailedError(item, f"{type(error).__name__}: {error}") from error
    raise AssertionError("unreachable")
