"""Actors that come and go with a Ray cluster's nodes, each given one item at a time."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic

import ray
import ray.exceptions

from pipeline.engine.base import Item, Result, WorkFailedError
from pipeline.engine.ray_parts import LOOK_SECONDS, RayParts
from pipeline.errors import EngineError

_MOST_FAILED_STARTS = 10


def set_environment(variables: Mapping[str, str | None]) -> None:
    """Set this process's environment variables; None unsets one."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class _Worker:
    """Runs the pieces of work that it is sent; what they keep (a network) lives as long as the actor."""

    def __init__(self, environment: Mapping[str, str | None]) -> None:
        set_environment(environment)

    def run(self, function: Callable[[Any], Any], item: Any) -> Any:
        return function(item)


@dataclass(slots=True)
class _Attempt(Generic[Item]):
    """An item, and how often it may still fail."""

    item: Item
    retries_left: int


@dataclass(frozen=True, slots=True)
class _Start:
    """An actor that has not yet said that it runs; one that was kept has run before."""

    actor: Any
    is_new: bool


class ActorPool(Generic[Item, Result]):
    """Maps a function over items with up to ``actors`` actors of one CPU and ``gpus`` GPUs.

    ``kept`` are idle actors of an earlier pool, with the same ``gpus``. They are taken before new ones are started, and
    those that are idle in the end are put back: what a worker imports takes seconds. New ones set ``environment`` in
    theirs.

    Ray's own restarts are not used: an actor of a lost node would wait, with its item, for processors that the others
    hold until the work is done. Here an actor is given nothing before it runs. A lost actor's item goes to another, and
    the new actor in its place joins if the cluster finds room for it, for instance on a node that came back.
    """

    def __init__(
        self,
        function: Callable[[Item], Result],
        items: Iterator[Item],
        parts: RayParts,
        *,
        actors: int,
        gpus: float,
        retries: int,
        kept: list[object],
        environment: Mapping[str, str | None],
    ) -> None:
        self._environment = environment
        self._kept = kept
        self._function = function
        self._items = items
        self._parts = parts
        self._most = actors
        self._options = {"num_cpus": 1, "num_gpus": gpus, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        self._retries = retries
        self._waiting: deque[_Attempt[Item]] = deque()
        self._starting: dict[object, _Start] = {}
        self._busy: dict[object, tuple[Any, _Attempt[Item]]] = {}
        self._idle: list[object] = []
        self._failed_starts = 0

    def results(self) -> Iterator[Result]:
        """Yield the results as they come; see `base.Engine.map`."""
        try:
            while len(self._waiting) < self._most and (attempt := self._following()):
                self._waiting.append(attempt)
                self._start()
            while self._waiting or self._busy:
                done, _ = ray.wait([*self._busy, *self._starting], num_returns=1, timeout=LOOK_SECONDS)
                self._parts.look()
                if not done:
                    continue
                if done[0] in self._starting:
                    self._started(done[0])
                else:
                    yield from self._finished(done[0])
        finally:
            self._kept += self._idle
            for actor in (
                ()
                if self._parts.lost
                else [*(start.actor for start in self._starting.values()), *(a for a, _ in self._busy.values())]
            ):
                ray.kill(actor)

    def _start(self) -> None:
        actor = self._kept.pop() if self._kept else None
        start = _Start(actor or self._new_actor(), is_new=actor is None)
        self._starting[start.actor.__ray_ready__.remote()] = start

    def _new_actor(self) -> Any:
        actor = ray.remote(_Worker).options(**self._options)
        return actor.remote(self._environment)

    def _started(self, reference: object) -> None:
        start = self._starting.pop(reference)
        try:
            self._fetch(reference)
        except ray.exceptions.RayError as error:  # its node died meanwhile
            self._failed_starts += start.is_new
            if self._failed_starts > _MOST_FAILED_STARTS:
                raise EngineError(f"Ray's workers do not start, {self._failed_starts} times: {_line(error)}") from error
            self._start()
        else:
            self._give(start.actor)

    def _fetch(self, reference: Any) -> Any:
        """What has been computed; it may have to come from another node."""
        while True:
            try:
                return ray.get(reference, timeout=LOOK_SECONDS)
            except ray.exceptions.GetTimeoutError:
                self._parts.look()

    def _following(self) -> _Attempt[Item] | None:
        for item in self._items:
            return _Attempt(item, self._retries)
        return None

    def _give(self, actor: Any) -> None:
        """Send an actor what waits, else the next item."""
        attempt = self._waiting.popleft() if self._waiting else self._following()
        if attempt is None:
            self._idle.append(actor)
        else:
            self._busy[actor.run.remote(self._function, attempt.item)] = (actor, attempt)

    def _finished(self, reference: object) -> Iterator[Result]:
        actor, attempt = self._busy.pop(reference)
        try:
            result = self._fetch(reference)
        except ray.exceptions.RayTaskError as error:
            self._again(attempt, f"{type(error.cause).__name__}: {error.cause}", error)
            self._give(actor)
        except ray.exceptions.RayError as error:
            # The actor or its node died, or the node died before the result was fetched.
            self._again(attempt, f"{type(error).__name__}: {_line(error)}", error)
            ray.kill(actor)
            self._start()
            if self._idle:
                self._give(self._idle.pop())
        else:
            self._give(actor)
            yield result

    def _again(self, attempt: _Attempt[Item], reason: str, error: Exception) -> None:
        if not attempt.retries_left:
            raise WorkFailedError(attempt.item, reason) from error
        attempt.retries_left -= 1
        self._waiting.append(attempt)


def _line(error: Exception) -> str:
    return str(error).splitlines()[0]
