"""What all vector networks share: how rows are scaled, how the loss is taken, how training goes."""

from dataclasses import dataclass
from typing import Literal, get_args

from pipeline.errors import UsageError

Scaling = Literal["none", "standard", "min_max"]
Loss = Literal["mse", "bce"]
OptimiserName = Literal["adam", "rmsprop"]
OutputActivation = Literal["linear", "sigmoid"]
HiddenActivation = Literal["elu", "relu", "tanh", "selu", "sigmoid", "linear"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSettings:
    """Settings that every vector network has.

    Attributes
    ----------
    scaling : {"none", "standard", "min_max"}
        Of each column by the training rows: to mean 0 and deviation 1, or to 0 to 1; constant columns become 0.
    output : {"linear", "sigmoid"}
        Activation of the reconstruction.
    loss : {"mse", "bce"}
        Mean squared error or binary cross-entropy of a scaled value; the latter needs a sigmoid output, and values
        beyond 0 to 1 (held-out rows may have them) count as 0 or 1.
    optimiser : {"adam", "rmsprop"}
    learning_rate, batch_size, epochs
    min_steps, patience, plateau
        As `pipeline.models.training.Rules`.
    test_fraction : float
        Share of the rows, chosen by their ids, that only measure the loss; 0 <= fraction < 1.
    """

    scaling: Scaling = "min_max"
    output: OutputActivation = "sigmoid"
    loss: Loss = "mse"
    optimiser: OptimiserName = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 128
    epochs: int = 50
    min_steps: int = 0
    patience: int = 0
    plateau: int = 0
    test_fraction: float = 0.1

    def __post_init__(self) -> None:
        kinds = (("scaling", Scaling), ("output", OutputActivation), ("loss", Loss), ("optimiser", OptimiserName))
        for name, kind in kinds:
            self.require(getattr(self, name) in get_args(kind), name, f"one of {get_args(kind)}")
        self.require(self.loss == "mse" or self.output == "sigmoid", "output", "sigmoid with the loss bce")
        self.require(self.batch_size >= 1, "batch_size", "at least 1")
        self.require(self.learning_rate > 0, "learning_rate", "greater than 0")
        self.require(0 <= self.test_fraction < 1, "test_fraction", "at least 0 and less than 1")
        for name in ("epochs", "min_steps", "patience", "plateau"):
            self.require(getattr(self, name) >= 0, name, "at least 0")

    @property
    def code_size(self) -> int:
        """Length of a code."""
        raise NotImplementedError

    def require(self, holds: bool, name: str, expected: str) -> None:
        """Refuse a setting.

        Raises
        ------
        UsageError
            If ``holds`` is false.
        """
        if not holds:
            raise UsageError(f"{type(self).__name__}.{name} is {getattr(self, name)!r}, but must be {expected}.")
