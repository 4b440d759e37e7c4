"""Running a stage: plan, create arrays, map the tasks over an engine, merge, commit; again until nothing is missing."""

import os
import pickle
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from threadpoolctl import threadpool_limits

from pipeline.config import Recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import Engine, Engines, WorkFailedError
from pipeline.errors import ShardError, StorageError
from pipeline.imaging.isolation.decoding import spent_cpu_seconds
from pipeline.index.store import Index
from pipeline.index.transaction import Transaction
from pipeline.progress import Checkpoint, Listener, Note, StageFinished, StageStarted, TaskDone
from pipeline.runtime.plan import Block, Context, Plan, RunOptions, Stage
from pipeline.runtime.stopping import StopRequest
from pipeline.runtime.work import Assignment, Outcome, driven_outcome, forget_workers, perform
from pipeline.stage_list import VERSIONS
from pipeline.storage.failures import is_disk_full, storage_failures


@dataclass
class _Tally:
    """What a step has cost so far."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.monotonic)
    items: int = 0
    skipped: int = 0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    hosts: Counter[str] = field(default_factory=Counter)

    def add(self, plan: Plan, outcome: Outcome) -> int:
        """Count a task; returns how many of its items came to nothing."""
        skipped = plan.skipped(outcome.value)
        self.items += outcome.items - skipped
        self.skipped += skipped
        self.cpu_seconds += outcome.cpu_seconds
        self.peak_memory_bytes = max(self.peak_memory_bytes, outcome.peak_memory_bytes)
        self.hosts[outcome.host] += 1
        return skipped


def _unguarded() -> None:
    """Nobody else writes: the caller sees to it."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Everything that running a stage needs besides the stage.

    ``run_id`` goes into the commits; ``guard`` is called before each and raises when another may write the index.
    """

    index: Index
    corpus: Corpus
    recipe: Recipe
    engines: Engines
    listener: Listener
    options: RunOptions = field(default_factory=RunOptions)
    run_id: str = ""
    guard: Callable[[], None] = _unguarded
    stop: StopRequest = field(default_factory=StopRequest)

    def context(self, *, first: bool = True) -> Context:
        """What stages plan from, at the newest commit; the files are read again for a stage's first step only."""
        options = replace(self.options, rehash=self.options.rehash and first)
        return Context(self.index.read(), self.recipe, self.corpus, [], options, self.index.location)

    def run(self, stage: Stage) -> StageFinished:
        """Do all that is missing of a stage.

        Raises
        ------
        ShardError
            A task failed after its retries; what was committed before stays.
        StoppedError
            Somebody asked to stop; what was done is committed.
        SemcorpusError
            Whatever a task raised on purpose.
        """
        assert stage.plan is not None, f"the job itself makes {stage.name}"
        began, steps, items, skipped = time.monotonic(), 0, 0, 0
        previous: tuple[object, ...] | None = None
        while True:
            with storage_failures("working on", self.index.url):
                context = self.context(first=not steps)
                plan = stage.plan(context)
            for text in context.notes:
                self.listener.tell(Note(text))
            signature = _signature(plan)
            if plan is None or signature == previous:
                break  # nothing is missing, or only what could not be done just now
            self.stop.check(f"before {stage.name}{f' ({plan.step})' if plan.step else ''}")
            with storage_failures("working on", self.index.url):
                tally = self._do(stage, plan)
            steps, items, skipped, previous = steps + 1, items + tally.items, tally.skipped, signature
            if plan.complete and not tally.skipped:
                break
        forget_workers()
        root, seconds = self.index.read(), time.monotonic() - began
        waiting = 0 if steps else sum(part.missing for part in stage.status(root, self.recipe))
        finished = StageFinished(
            stage.name, steps, items, skipped, seconds, self.index.commit, stage.statuses(root), waiting
        )
        self.listener.tell(finished)
        return finished

    def _do(self, stage: Stage, plan: Plan) -> _Tally:
        engine = self.engines.pick(plan.engine, seconds=plan.items * plan.seconds_per_item)
        self.listener.tell(StageStarted(stage.name, plan.step, plan.items, len(plan.tasks), engine.name))
        tally = _Tally()
        transaction = self.index.begin()
        plan.layout(transaction.root)
        self.guard()
        transaction.commit(f"{stage.name}: layout", self._metadata(stage, plan, engine, tally, "layout", ""))
        plan_id = f"{transaction.base_commit} {stage.name} {plan.step}"
        number = 0
        while True:
            if plan.drive is not None:
                outcomes, number = [self._driven(stage, plan, plan_id, engine, transaction, tally)], len(plan.tasks)
            else:
                outcomes = self._until_checkpoint(stage, plan, plan_id, engine, transaction, number, tally)
                number += len(outcomes)
            done = number >= len(plan.tasks)
            base = transaction.base_commit
            transaction.merge(*(outcome.fork for outcome in outcomes if outcome.fork is not None))
            plan.merge(transaction.root, [outcome.value for outcome in outcomes])
            kind = "stage" if done else "checkpoint"
            message = f"{stage.name}: {plan.step}" if plan.step else stage.name
            if kind == "checkpoint":
                message += f", checkpoint {number}/{len(plan.tasks)}"
            self.guard()
            commit = transaction.commit(message, self._metadata(stage, plan, engine, tally, kind, base))
            if done:
                return tally
            self.listener.tell(Checkpoint(stage.name, commit))
            self.stop.check(f"at a checkpoint of {stage.name}, with {number:,} of {len(plan.tasks):,} tasks done")

    def _until_checkpoint(
        self,
        stage: Stage,
        plan: Plan,
        plan_id: str,
        engine: Engine,
        transaction: Transaction,
        first: int,
        tally: _Tally,
    ) -> list[Outcome]:
        """Do tasks from number ``first`` on until it is time to commit; their outcomes in task order."""
        tasks = plan.tasks[first:]
        if not tasks:
            return []
        session = pickle.dumps(transaction.fork() if plan.writes else transaction.reader())
        assignments = (Assignment(plan_id, first + i, task, plan.job, session) for i, task in enumerate(tasks))
        deadline = time.monotonic() + self.recipe.run.checkpoint_seconds
        timed = _until(assignments, lambda: self.stop.requested or time.monotonic() >= deadline)
        outcomes: list[Outcome] = []
        try:
            with storage_failures("working on", self.index.url):
                for outcome in engine.map(perform, timed, retries=self.recipe.run.retries, gpus=plan.gpus):
                    if outcome.error is not None:
                        raise outcome.error
                    skipped = tally.add(plan, outcome)
                    outcomes.append(outcome)
                    for event in plan.told(outcome.value):
                        self.listener.tell(event)
                    self.listener.tell(TaskDone(stage.name, outcome.items, skipped, outcome.seconds))
        except WorkFailedError as error:
            raise self._explain(error) from error
        return sorted(outcomes, key=lambda outcome: outcome.number)

    def _driven(
        self, stage: Stage, plan: Plan, plan_id: str, engine: Engine, transaction: Transaction, tally: _Tally
    ) -> Outcome:
        """Let the plan itself send work to the workers, round after round; asked to stop, it ends between two."""
        assert plan.drive is not None
        session = pickle.dumps(transaction.reader())
        clock, started = time.monotonic(), spent_cpu_seconds()
        counted = 0.0  # processor time of this process that the tasks' outcomes tell of as well

        def send(function: Callable[[object], object], tasks: Sequence[object]) -> list[object]:
            nonlocal counted
            self.stop.check(f"within {stage.name} of {plan.step}, which begins anew")
            blocks = [Block(0, f"block {number}", (function, task)) for number, task in enumerate(tasks)]
            assignments = [Assignment(plan_id, i, block, plan.job, session) for i, block in enumerate(blocks)]
            values: dict[int, object] = {}
            for outcome in engine.map(perform, assignments, retries=self.recipe.run.retries, gpus=plan.gpus):
                if outcome.error is not None:
                    raise outcome.error
                tally.add(plan, outcome)
                values[outcome.number] = outcome.value
                if engine.name == "local":
                    counted += outcome.cpu_seconds
            return [values[number] for number in range(len(tasks))]

        try:
            with storage_failures("working on", self.index.url), threadpool_limits(1):
                value = plan.drive(self.index.read(), send)
        except WorkFailedError as error:
            raise self._explain(error) from error
        outcome = driven_outcome(plan.items, value, time.monotonic() - clock, spent_cpu_seconds() - started - counted)
        self.listener.tell(TaskDone(stage.name, outcome.items, tally.add(plan, outcome), outcome.seconds))
        return outcome

    def _explain(self, error: WorkFailedError) -> Exception:
        if is_disk_full(error):
            return StorageError(
                f"The disk is full: writing to the index {self.index.url} failed. It is as it was after its last "
                "commit; make room and run the same command again."
            )
        return ShardError(
            f"{error.item!r} failed {self.recipe.run.retries + 1} times and the run was stopped: {error}. What was "
            "committed before is kept; run the same command again, with --debug to see the traceback."
        )

    def _metadata(
        self, stage: Stage, plan: Plan, engine: Engine, tally: _Tally, kind: str, base: str
    ) -> dict[str, object]:
        return {
            "stage": stage.name,
            "step": plan.step,
            "kind": kind,
            "version": VERSIONS[stage.name],
            "settings": dict(plan.settings),
            "input": base,
            "engine": engine.name,
            "workers": engine.workers,
            "items": tally.items,
            "skipped": tally.skipped,
            "started": tally.started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - tally.clock, 3),
            "cpu_seconds": round(tally.cpu_seconds, 3),
            "peak_memory_bytes": tally.peak_memory_bytes,
            "run": self.run_id,
            "process": os.getpid(),
            "hosts": dict(sorted(tally.hosts.items())),  # tasks that each has done
        }


def _until(assignments: Iterable[Assignment], over: Callable[[], bool]) -> Iterator[Assignment]:
    """Pass assignments on until it is time to commit, at least one."""
    for assignment in assignments:
        yield assignment
        if over():
            return


def _signature(plan: Plan | None) -> tuple[object, ...] | None:
    return None if plan is None else (plan.step, plan.items, tuple(task.label for task in plan.tasks[:1000]))
