"""When a training has had enough, and how its learning rate runs."""

import math
from dataclasses import dataclass
from typing import Protocol

_WARM = 0.25  # of the steps, in which the rate rises
_LOWEST = 0.04  # of the highest rate, where it begins
_END = 1e-3  # of the highest rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a training has had enough, and how its learning rate runs.

    Attributes
    ----------
    min_steps : int
        Steps that all epochs together have at least: on few rows an epoch is several passes over them.
    patience : int
        Epochs without a lower test loss after which training ends with the best weights; 0: never.
    plateau : int
        Epochs without a lower test loss after which the learning rate is halved; 0: never.
    one_cycle : bool
        The learning rate rises and falls once (`one_cycle`).
    test_rows : int
        At most so many test rows are looked at after an epoch; 0: all.
    """

    min_steps: int = 0
    patience: int = 0
    plateau: int = 0
    one_cycle: bool = False
    test_rows: int = 0


ALL_EPOCHS = Rules()
"""Every epoch is one pass, all are run, and the last weights are kept."""


def one_cycle(done: float) -> float:
    """Share of the highest learning rate after a share of all steps.

    It rises in a line over the first quarter and falls as a cosine to nearly nothing (Smith and Topin 2019,
    doi:10.1117/12.2520589).

    Examples
    --------
    >>> [round(one_cycle(done), 3) for done in (0.0, 0.25, 0.625, 1.0)]
    [0.04, 1.0, 0.5, 0.001]
    """
    if done < _WARM:
        return _LOWEST + (1 - _LOWEST) * done / _WARM
    fallen = (done - _WARM) / (1 - _WARM)
    return _END + (1 - _END) * 0.5 * (1 + math.cos(math.pi * fallen))


class Steps(Protocol):
    """Changes parameters by their gradients, as `pipeline.models.optimiser.Optimiser` does."""

    def zero_grad(self) -> None:
        """Forget the gradients."""

    def step(self) -> None:
        """Change the parameters by their gradients."""


class PacedSteps(Steps, Protocol):
    """Such steps of a learning rate that may be changed."""

    learning_rate: float


class OneCycle:
    """An optimiser whose learning rate follows `one_cycle`.

    Parameters
    ----------
    optimiser : PacedSteps
    highest : float
        The highest learning rate.
    steps, done : int
        Steps that the whole training has, and has had.
    """

    def __init__(self, optimiser: PacedSteps, *, highest: float, steps: int, done: int) -> None:
        self._optimiser, self._highest, self._steps, self._done = optimiser, highest, steps, done

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._optimiser.zero_grad()

    def step(self) -> None:
        """Change the parameters by their gradients."""
        self._optimiser.learning_rate = self._highest * one_cycle(self._done / self._steps)
        self._optimiser.step()
        self._done += 1
