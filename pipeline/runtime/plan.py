"""What a stage is: a function from the index to a plan, and a plan says what to do without doing it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import zarr

from pipeline.config import Recipe
from pipeline.corpus.source import Corpus
from pipeline.engine.opening import EngineName
from pipeline.index.schema import Gone, Table
from pipeline.kernels.mapping import MapTasks
from pipeline.progress import Event
from pipeline.storage.location import Location


class Task(Protocol):
    """A picklable piece of work, done by one worker at a time."""

    @property
    def items(self) -> int:
        """Pictures or files in it."""

    @property
    def label(self) -> str:
        """What to call it in an error: ``shard 7``, ``files a.tif to b.tif``."""


@dataclass(frozen=True, slots=True)
class Block:
    """The plainest task: ``items`` things, called ``label``, with whatever the worker needs in ``data``."""

    items: int
    label: str
    data: Any = None


Worker = Callable[[zarr.Group, Any], Any]


@dataclass(frozen=True, slots=True)
class Job:
    """How a worker process does the tasks of a plan.

    Attributes
    ----------
    key : str
        What to call the job in an error, in front of the task's label.
    build : callable
        Picklable and small, since it travels with every task. Called with the root group, once a process, it makes
        the worker, a function of (root group, task). Heavy things (a network, a text reader, all vectors) are made or
        read here.
    """

    key: str
    build: Callable[[zarr.Group], Worker]


def _no_layout(root: zarr.Group) -> None:
    """Nothing to create."""


def _no_merge(root: zarr.Group, results: Sequence[Any]) -> None:
    """Nothing to merge: the workers have written it all."""


@dataclass(frozen=True)
class Plan:
    """One step of a stage, decided but not done.

    Attributes
    ----------
    step : str
        What the step does, in a few words; empty where the stage has one step only.
    tasks : sequence of Task
        In the order in which results are merged.
    job : Job
        How to do them.
    layout : callable
        Creates or grows the arrays that workers write; done and committed before they start.
    merge : callable
        Puts the tasks' results, in task order, into the store; called at every checkpoint with those since the last.
    writes : bool
        Whether workers write into the store; otherwise they only read it and return what they found.
    engine : str
        The engine that suits it.
    seconds_per_item : float
        Rough cost on one core; decides only whether opening an engine is worth it.
    gpus : float
        GPUs a worker needs.
    settings : mapping
        What the commit records.
    skipped : callable
        Of a task's result: how many of its items could not be done.
    told : callable
        Of a task's result: what listeners are told of how it came about, such as the epochs of a training.
    drive : callable, optional
        For work that goes over the data again and again: called in the driver, once, with the root group (read-only)
        and a function like `map` that sends a function and its argument to the workers, as a `Block` whose ``data`` is
        this pair. What it returns is the only result that is merged. The tasks then say only how much there is to do.
    complete : bool
        Nothing of the stage is missing when this step is done and has skipped nothing; it is not asked for another
        plan, which may be dear.
    """

    step: str
    tasks: Sequence[Task]
    job: Job
    layout: Callable[[zarr.Group], object] = _no_layout
    merge: Callable[[zarr.Group, Sequence[Any]], object] = _no_merge
    writes: bool = False
    engine: EngineName = "local"
    seconds_per_item: float = 0.0
    gpus: float = 0.0
    settings: Mapping[str, object] = field(default_factory=dict)
    skipped: Callable[[Any], int] = lambda result: 0
    told: Callable[[Any], Iterable[Event]] = lambda result: ()
    drive: Callable[[zarr.Group, MapTasks], object] | None = None
    complete: bool = False

    @cached_property
    def items(self) -> int:
        """Pictures or files of all tasks."""
        return sum(task.items for task in self.tasks)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a user asks of one run, which the recipe does not say.

    Attributes
    ----------
    accept_removals : bool
        The user knows that many files are gone.
    rehash : bool
        The user does not trust sizes and times: read all files again; those that were no images are judged anew.
    unread_only : bool
        Read scales only of pictures that no version of the reader has seen.
    wait_seconds : float
        How long to wait while another run writes the index.
    corpus_moved : bool
        The corpus lies elsewhere than before; its contents are checked.
    asked : str
        What the command line asked for, to be kept in the index; empty for nothing.
    refit : bool
        Networks that no longer fit the corpus are trained anew on all of it.
    networks : tuple of str
        Only these embeddings are made; empty: all that the recipe has.
    """

    accept_removals: bool = False
    rehash: bool = False
    unread_only: bool = False
    wait_seconds: float = 0.0
    corpus_moved: bool = False
    asked: str = ""
    refit: bool = False
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a stage plans from.

    Attributes
    ----------
    root : zarr.Group
        The index, read-only, at its newest commit.
    recipe : Recipe
        The settings.
    corpus : Corpus
        Where the files are.
    notes : list of str
        A stage may add sentences for people.
    options : RunOptions
    location : Location, optional
        Where the index is; what people entered lies there, outside the store. None for an index that does not exist.
    """

    root: zarr.Group
    recipe: Recipe
    corpus: Corpus
    notes: list[str] = field(default_factory=list)
    options: RunOptions = field(default_factory=RunOptions)
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a stage has done under the index' recipe, of one of its kind (an embedding, a label set) or of all.

    Attributes
    ----------
    what : str
        Which one; empty for a stage that has but one.
    done, missing : int
        Rows with and without a value.
    step : str
        The step that does it, if that is called otherwise.
    advice : str
        What should be done though nothing is missing, in words.
    """

    what: str
    done: int
    missing: int
    step: str = ""
    advice: str = ""

    @classmethod
    def whole(cls, what: str, rows: int, is_current: bool) -> "Done":
        """Of what is done or missing as a whole."""
        return cls(what, rows if is_current else 0, 0 if is_current else rows)


Status = Callable[[zarr.Group, Recipe], Iterable[Done]]


def _no_statuses(root: zarr.Group) -> Mapping[str, int]:
    """The stage keeps no record by status."""
    return {}


def _no_status(root: zarr.Group, recipe: Recipe) -> Iterable[Done]:
    """The stage has no rows of its own."""
    return ()


def _nothing_outside(location: Location, gone: Gone) -> None:
    """The stage keeps nothing of an image outside the store."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage and all that others need to know of it; `pipeline.stage_list` names the module that defines it.

    Attributes
    ----------
    name : str
    plan : callable, optional
        Returns the next step, or None when nothing is missing; None for what the job makes at the end, the report.
    tables : tuple of Table
        What it stores and reports: documented, checked and forgotten as they say.
    status : callable
        What it has done and what is missing.
    statuses : callable
        Counts by status what became of everything that the stage has ever done; empty where it keeps no such record.
    forget : callable
        Removes what it keeps of an image outside the store.
    """

    name: str
    plan: Callable[[Context], Plan | None] | None
    tables: tuple[Table, ...] = ()
    status: Status = _no_status
    statuses: Callable[[zarr.Group], Mapping[str, int]] = _no_statuses
    forget: Callable[[Location, Gone], object] = _nothing_outside
