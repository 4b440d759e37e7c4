"""A search among settings on Ray Tune: many trainings beside each other, those that fall behind ended early (ASHA).

References
----------
Li et al. 2020, arXiv:1810.05934.
"""

import itertools
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler

from pipeline.errors import EngineError
from pipeline.networks.base import Trained, Unfinished

Point = Mapping[str, Any]
Train = Callable[[Point, Any, Callable[[], bool], bytes], Trained | Unfinished]
"""A point, the data, what breaks the training off after an epoch, and where it was: to a network, or where it is."""

_STATE, _EPOCH = "state", "epoch"
_NAME = "trials"


@dataclass(frozen=True, slots=True)
class Trial:
    """A point of the grid that was tried.

    Attributes
    ----------
    point : mapping
    loss : float
        The lowest held-out loss so far.
    epochs : int
    finished : bool
        False: it was ended early.
    data : bytes
        The trained network's; empty where it was ended early.
    """

    point: Point
    loss: float
    epochs: int
    finished: bool
    data: bytes


def search(
    points: Sequence[Point], train: Train, data: Any, *, folder: Path, epochs: int, grace: int, factor: int
) -> list[Trial]:
    """Try all points in the Ray that this process has joined, a processor each.

    After ``grace``, ``grace * factor`` ... epochs a training goes on only if it is among the best 1 / ``factor`` that
    got so far. Which ones get there first depends on the machine, and with it which are ended; the losses do not.

    Parameters
    ----------
    points : sequence of mappings
    train : callable
        Picklable.
    data : object
        What every training learns from; sent to each node once.
    folder : Path
        Where the trials are kept. Called again with the same folder, the search goes on where it was.
    epochs, grace, factor : int

    Returns
    -------
    list of Trial
        In the order of the points.

    Raises
    ------
    EngineError
        Trials failed, or the search was interrupted, or this process has not joined Ray.
    """
    if not ray.is_initialized():
        raise EngineError("The search runs on Ray; leave out --engines local, or say --engines ray.")
    trial = tune.with_parameters(partial(_trial, train=train, grace=grace, factor=factor), data=data)
    place = str(folder.absolute() / _NAME)
    if tune.Tuner.can_restore(place):
        tuner = tune.Tuner.restore(
            place, trainable=tune.with_resources(trial, {"cpu": 1}), resume_unfinished=True, restart_errored=True
        )
    else:
        tuner = tune.Tuner(
            tune.with_resources(trial, {"cpu": 1}),
            param_space={"point": tune.grid_search([dict(point) for point in points])},
            tune_config=tune.TuneConfig(
                scheduler=ASHAScheduler(
                    time_attr="epoch", metric="loss", mode="min", max_t=epochs, grace_period=grace,
                    reduction_factor=factor,
                )
            ),
            run_config=tune.RunConfig(name=_NAME, storage_path=str(folder.absolute()), verbose=0),
        )  # fmt: skip
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # what is done is told by our own listeners
        grid = tuner.fit()
    results: list[Any] = [grid[place] for place in range(len(grid))]
    failed = [result for result in results if result.error is not None]
    missing = [result for result in results if not result.metrics or "loss" not in result.metrics]
    if failed or missing:
        why = str(failed[0].error).strip().splitlines()[-1] if failed else "they were interrupted"
        raise EngineError(
            f"{len(failed) or len(missing)} of {len(results)} trials did not end: {why}. Run it again to go on."
        )
    found = [_told(result) for result in results]
    order = {str(sorted(point.items())): place for place, point in enumerate(points)}
    return sorted(found, key=lambda one: order[str(sorted(one.point.items()))])


def _trial(config: Point, *, train: Train, grace: int, factor: int, data: Any) -> None:
    """One training, told to the scheduler where it may be ended."""
    state, epoch = _resumed()
    for rung in (grace * factor**power for power in itertools.count()):
        if rung <= epoch:
            continue
        done = itertools.count(epoch + 1)
        result = train(config["point"], data, partial(_reached, done, rung), state)
        epoch = result.history[-1].epoch
        finished = isinstance(result, Trained)
        state = result.data if isinstance(result, Trained) else result.state
        losses = [one.train_loss if one.test_loss is None else one.test_loss for one in result.history]
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / _STATE).write_bytes(state)
            (Path(folder) / _EPOCH).write_text(str(epoch))
            tune.report(
                {"loss": min(losses[1:] or losses), "epoch": epoch, "finished": finished},
                checkpoint=tune.Checkpoint.from_directory(folder),
            )
        if finished:
            return


def _reached(done: "itertools.count[int]", rung: int) -> bool:
    return next(done) >= rung


def _resumed() -> tuple[bytes, int]:
    checkpoint = tune.get_checkpoint()
    if checkpoint is None:
        return b"", 0
    with checkpoint.as_directory() as folder:
        return (Path(folder) / _STATE).read_bytes(), int((Path(folder) / _EPOCH).read_text())


def _told(result: Any) -> Trial:
    metrics, data = result.metrics, b""
    if metrics["finished"]:
        with result.checkpoint.as_directory() as folder:
            data = (Path(folder) / _STATE).read_bytes()
    return Trial(result.config["point"], float(metrics["loss"]), int(metrics["epoch"]), bool(metrics["finished"]), data)
