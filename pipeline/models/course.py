"""A training that may be broken off after any epoch, stored, and taken up again with the same bits.

A training calls `pipeline.models.training.train_epochs` once or, in phases, several times; which call it is tells where
it was broken off. Calls that were finished before give their histories at once, without a step.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import safetensors.torch
import torch

from pipeline.errors import WeightsError
from pipeline.models.losses import EpochLoss
from pipeline.models.optimiser import Optimiser

_KEY = "course"
_MODULE, _OPTIMISER, _BEST = "module/", "optimiser/", "best/"


class TrainingPausedError(Exception):
    """A training was broken off as its `Course` asked for.

    Attributes
    ----------
    state : bytes
        What a later `Course` takes.
    history : tuple of EpochLoss
        All epochs so far.
    """

    def __init__(self, state: bytes, history: tuple[EpochLoss, ...]) -> None:
        super().__init__(f"paused after {len(history)} epochs")
        self.state, self.history = state, history


@dataclass(slots=True)
class Standing:
    """Where the current call of `train_epochs` stands, beside weights and optimisers.

    Attributes
    ----------
    history : list of EpochLoss
        Of this call.
    learning_rate : float
    best, since_best, since_change
        Of what watches the test loss.
    weights : list of Tensor
        The best ones, if they are kept.
    """

    history: list[EpochLoss] = field(default_factory=list)
    learning_rate: float = 0.0
    best: float = float("inf")
    since_best: int = 0
    since_change: int = 0
    weights: list[torch.Tensor] = field(default_factory=list)


class OfModule(Protocol):
    """What a course needs of a network: all of its tensors, out and in."""

    def state_dict(self) -> Any:
        """Tensors by name."""

    def load_state_dict(self, state_dict: Mapping[str, object]) -> Any:
        """Take tensors by name."""


class Course:
    """Where a training is.

    Parameters
    ----------
    over : callable
        Asked after each epoch that is not the last of a call; true breaks the training off.
    state : bytes
        From a `TrainingPausedError` of a training of the same settings, rows and seed; empty begins anew.

    Raises
    ------
    WeightsError
        The state is none.
    """

    def __init__(self, *, over: Callable[[], bool] = lambda: False, state: bytes = b"") -> None:
        self.over = over
        self._module: OfModule | None = None
        self._optimisers: dict[str, Optimiser] = {}
        self._finished: list[list[EpochLoss]] = []
        self._replayed = 0
        self._tensors: dict[str, torch.Tensor] = {}
        self._standing: Standing | None = None
        if state:
            self._read(state)

    def _read(self, state: bytes) -> None:
        try:
            header = json.loads(state[8 : 8 + int.from_bytes(state[:8], "little")])
            facts = json.loads(header["__metadata__"][_KEY])
            self._tensors = safetensors.torch.load(state)
        except Exception as error:  # what damaged bytes raise is the readers' choice
            raise WeightsError(f"The state of an unfinished training cannot be read: {error}.") from error
        self._finished = [[EpochLoss(**loss) for loss in call] for call in facts["finished"]]
        best = sorted((name for name in self._tensors if name.startswith(_BEST)), key=lambda name: int(name[5:]))
        self._standing = Standing(
            history=[EpochLoss(**loss) for loss in facts["history"]],
            weights=[self._tensors[name] for name in best],
            **facts["standing"],
        )

    def begin(self, module: OfModule) -> None:
        """Hold the network, with its weights of where the training was broken off."""
        self._module = module
        if self._standing is not None:
            module.load_state_dict(self._part(_MODULE))

    def register(self, name: str, optimiser: Optimiser) -> None:
        """Hold an optimiser, with what it had where the training was broken off."""
        self._optimisers[name] = optimiser
        stored = self._part(f"{_OPTIMISER}{name}/")
        if stored:
            optimiser.restore(stored)

    def replay(self) -> list[EpochLoss] | None:
        """The history of the next call of `train_epochs`, if it was finished before."""
        if self._replayed == len(self._finished):
            return None
        self._replayed += 1
        return self._finished[self._replayed - 1]

    def enter(self) -> Standing:
        """Where the call that begins now was broken off, or its beginning."""
        standing, self._standing = self._standing or Standing(), None
        return standing

    def leave(self, history: Sequence[EpochLoss]) -> None:
        """A call is finished."""
        self._finished.append(list(history))
        self._replayed += 1

    def pause(self, standing: Standing) -> None:
        """Break off.

        Raises
        ------
        TrainingPausedError
            Always.
        """
        assert self._module is not None, "begin() comes first"
        tensors = {f"{_MODULE}{name}": tensor for name, tensor in self._module.state_dict().items()}
        for name, optimiser in self._optimisers.items():
            tensors |= {f"{_OPTIMISER}{name}/{part}": tensor for part, tensor in optimiser.state().items()}
        tensors |= {f"{_BEST}{place}": tensor for place, tensor in enumerate(standing.weights)}
        kept = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
        facts = {
            "finished": [[dataclasses.asdict(loss) for loss in call] for call in self._finished],
            "history": [dataclasses.asdict(loss) for loss in standing.history],
            "standing": {
                "learning_rate": standing.learning_rate,
                "best": standing.best,
                "since_best": standing.since_best,
                "since_change": standing.since_change,
            },
        }
        history = tuple(loss for call in (*self._finished, standing.history) for loss in call)
        raise TrainingPausedError(safetensors.torch.save(kept, {_KEY: json.dumps(facts)}), history)

    def _part(self, prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): tensor for name, tensor in self._tensors.items() if name.startswith(prefix)}
