"""Asking a bucket again where an answer was cut: Icechunk repeats requests that fail, not answers that break off."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

import icechunk
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import WrapperStore

Result = TypeVar("Result")

_TRIES: Final = 5
_PAUSE_SECONDS: Final = 0.2  # before the second try, and twice as long before each further one
# What Icechunk says where a connection breaks, and not what it says of objects.
_PASSING: Final = ("streaming error", "dispatch failure", "timeout", "timed out", "connection")


def steadily(action: Callable[[], Result]) -> Result:
    """The result of an action that may be repeated; one that keeps failing raises its last error."""
    for attempt in range(1, _TRIES):
        try:
            return action()
        except icechunk.IcechunkError as error:
            time.sleep(_pause_seconds(error, attempt))
    return action()


def steady_store(session: icechunk.Session) -> Store:
    """A session's store, which reads again what was cut."""
    return SteadyStore(session.store)


class SteadyStore(WrapperStore[icechunk.IcechunkStore]):
    """Icechunk's store, each reading of which is repeated where its answer was cut."""

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The value of a key."""
        for attempt in range(1, _TRIES):
            try:
                return await self._store.get(key, prototype, byte_range)
            except icechunk.IcechunkError as error:
                await asyncio.sleep(_pause_seconds(error, attempt))
        return await self._store.get(key, prototype, byte_range)


def _pause_seconds(error: icechunk.IcechunkError, attempt: int) -> float:
    """How long to wait before the next try; an error that is none of the connection is raised."""
    if not any(word in str(error).lower() for word in _PASSING):
        raise error
    return float(_PAUSE_SECONDS * 2 ** (attempt - 1))
