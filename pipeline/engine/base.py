"""The one seam to the engines."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkFailedError(Exception):
    """A piece of work failed after all its retries; ``item`` is what it was given."""

    def __init__(self, item: object, reason: str) -> None:
        super().__init__(reason)
        self.item = item


@dataclass(frozen=True, slots=True)
class ReportPlace:
    """Where an engine's own page on a run goes.

    ``write`` is given a file's name and its bytes, ``about`` says on the page whose work it is, and ``note`` is told
    when there is no page.
    """

    write: Callable[[str, bytes], object]
    about: str
    note: Callable[[str], object]


class Engine(Protocol):
    """Maps a function over items in other processes, or in this one."""

    name: str
    dashboard: str | None

    @property
    def workers(self) -> int:
        """Worker processes."""

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, retries: int, gpus: float = 0.0
    ) -> Iterator[Result]:
        """Yield the results as they come, in any order.

        ``items`` is consumed little by little, so that a generator can stop the work early; what it has yielded by
        then is finished. An item whose function raises, or whose process dies, is tried again up to ``retries``
        times.

        Raises
        ------
        WorkFailedError
            An item failed for good. Work under way is given up.
        """

    def rest(self) -> None:
        """Give back the processors that are held between pieces of work, since another engine is to use them."""

    def close(self) -> None:
        """End the processes that this engine started."""
