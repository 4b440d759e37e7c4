"""Deciding which engine a piece of work runs on, and opening it when it is first needed."""

import os
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from pipeline.engine.base import Engine, ReportPlace
from pipeline.engine.serial import SerialEngine
from pipeline.errors import UsageError
from pipeline.parts import missing_modules, require
from pipeline.progress import EngineOpened, Listener, Note

EngineName = Literal["local", "dask", "ray"]

# Opening an engine takes seconds: work that one process does in less than this stays in this process.
_WORTH_AN_ENGINE_SECONDS = 60.0
_WORTH_AN_OPEN_ENGINE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What the user asked for.

    Attributes
    ----------
    engines : set of str, optional
        ``{"local"}``, or some of ``{"dask", "ray"}``; None decides by the amount of work.
    workers : int
        Worker processes of an engine that is started here; 0 takes one a core. On a cluster from outside so many are
        waited for; 0 takes those that are there.
    dask, ray : str, optional
        Addresses of outside schedulers; each implies its engine. With ``ray`` alone Dask runs on Ray's nodes.
    """

    engines: frozenset[EngineName] | None = None
    workers: int = 0
    dask: str | None = None
    ray: str | None = None

    @classmethod
    def parse(
        cls, engines: str | None, *, workers: int = 0, dask: str | None = None, ray: str | None = None
    ) -> "EngineChoice":
        """From the command line's words; raises `UsageError` on an unknown engine or a ``ray://`` address.

        Within a Ray job (``RAY_ADDRESS`` is set) Ray is joined there, unless another place is named.
        """
        names: frozenset[EngineName] | None = None
        if engines:
            words = {word.strip() for word in engines.split(",")}
            unknown = sorted(words - {"local", "dask", "ray"})
            if unknown or ("local" in words and len(words) > 1):
                raise UsageError(f"--engines takes local, or dask,ray, or one of these two; got {engines!r}.")
            names = frozenset(words)  # type: ignore[arg-type]
        if ray is None and (names is None or "ray" in names):
            ray = _surrounding_ray()
        if ray is not None:
            refuse_client_address(ray)
        return cls(names, workers, dask, ray)

    def asked_for(self, name: EngineName) -> bool:
        """Whether the user wants this engine whatever the amount of work."""
        address = {"dask": self.dask, "ray": self.ray}.get(name)
        return address is not None or (self.engines is not None and name in self.engines)


def _surrounding_ray() -> str | None:
    """Address of the Ray cluster that this process is a job of; that of a job server (``http://``) means none."""
    address = os.environ.get("RAY_ADDRESS", "")
    return address if address and "://" not in address.replace("ray://", "") else None


def refuse_client_address(address: str) -> None:
    """Raise `UsageError` for a ``ray://`` address: the driver has to run inside the cluster."""
    if address.startswith("ray://"):
        raise UsageError(
            f"{address} is a client address, but the driver has to run inside the Ray cluster: use "
            "`ray job submit --address http://HEAD:8265 -- semcorpus run ... --ray auto`."
        )


class Engines:
    """Engines that are opened on demand and closed together; ``report`` is where what they tell of their work goes.

    Examples
    --------
    >>> from pipeline.progress import Silent
    >>> with Engines(EngineChoice.parse("local"), Silent()) as engines:
    ...     sorted(engines.pick("dask", seconds=1e9).map(abs, [-1, 2], retries=0))
    [1, 2]
    """

    def __init__(self, choice: EngineChoice, listener: Listener, *, report: ReportPlace | None = None) -> None:
        self._choice = choice
        self._report = report
        self._listener = listener
        self._open: dict[EngineName, Engine] = {"local": SerialEngine()}
        self._told = False

    def __enter__(self) -> "Engines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for engine in reversed(self._open.values()):
            engine.close()

    def pick(self, preferred: EngineName, *, seconds: float) -> Engine:
        """The engine for work that would take one process about ``seconds``.

        The first time that an engine is needed all those that the user asked for by name are opened, so that every
        dashboard's address stands above the progress bars. The others then leave it the processors.
        """
        if preferred == "local" or not self._wanted(preferred, seconds):
            return self._open["local"]
        names: tuple[EngineName, ...] = ("dask", "ray")
        for name in names:
            if name == preferred or self._choice.asked_for(name):
                self._opened(name)
        for name, engine in self._open.items():
            if name != preferred:
                engine.rest()
        return self._open[preferred]

    def _opened(self, name: EngineName) -> Engine:
        if name not in self._open:
            self._open[name] = self._start(name)
        return self._open[name]

    def _wanted(self, name: EngineName, seconds: float) -> bool:
        if self._choice.asked_for(name):
            require("clusters", f"The engine {name}")
            return True
        worth = _WORTH_AN_OPEN_ENGINE_SECONDS if name in self._open else _WORTH_AN_ENGINE_SECONDS
        several = self._workers() > 1 or self._choice.ray is not None
        wanted = self._choice.engines is None and seconds >= worth and several
        return wanted and self._has_engines()

    def _has_engines(self) -> bool:
        """Whether Dask and Ray are installed; says once that one process works where they would be worth it."""
        if not missing_modules("clusters"):
            return True
        if not self._told:
            self._told = True
            self._listener.tell(
                Note(
                    "One process does all the work: Dask and Ray are not installed (pip install 'semcorpus[clusters]')."
                )
            )
        return False

    def _workers(self) -> int:
        """Workers to start on this machine."""
        return self._choice.workers or len(os.sched_getaffinity(0))

    def _start(self, name: EngineName) -> Engine:
        engine: Engine
        # Both libraries take seconds to import, and small work needs neither.
        if name == "dask" and self._choice.ray and not self._choice.dask:
            self._opened("ray")
            from pipeline.engine.dask_on_ray import open_dask_on_ray

            engine = open_dask_on_ray(self._choice.workers, self._report)
        elif name == "dask":
            from pipeline.engine.dask_engine import open_dask

            workers = self._choice.workers if self._choice.dask else self._workers()
            engine = open_dask(self._choice.dask, workers, self._report)
        else:
            from pipeline.engine.ray_engine import open_ray

            engine = opened = open_ray(self._choice.ray, self._choice.workers if self._choice.ray else self._workers())
            if opened.token_file:
                self._listener.tell(
                    Note(f"Ray's dashboard asks for the token of this run: it is in {opened.token_file}.")
                )
        self._listener.tell(EngineOpened(name, engine.workers, engine.dashboard))
        return engine
