"""What an epoch of a training lost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EpochLoss:
    """One epoch's loss: the mean squared error of a value, in the units of the normalised input.

    Attributes
    ----------
    phase : str
        ``train``, or a phase of the stacked autoencoder (``1_a`` ... ``g``).
    epoch : int
        From 1, within the phase; 0 is before the first step.
    train_loss : float
        Mean over the epoch's training rows, each measured just before its step.
    test_loss : float or None
        Mean over the test rows after the epoch; None if there are none.
    """

    phase: str
    epoch: int
    train_loss: float
    test_loss: float | None


def measured(loss: EpochLoss) -> float:
    """The test loss; the training loss where no row tests."""
    return loss.train_loss if loss.test_loss is None else loss.test_loss
