"""RMSprop without what Torch's class of that name drags in (see `pipeline.models.adam`)."""

from collections.abc import Iterable

import torch
from torch.optim.rmsprop import rmsprop


class RMSprop:
    """RMSprop (Tieleman and Hinton 2012) with the constants of Keras, which the ore study used.

    Parameters
    ----------
    parameters : iterable of Parameter
        Those whose gradient is None at a step stay as they are.
    learning_rate : float
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], *, learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self._parameters = list(parameters)
        self._squares = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._steps = [torch.tensor(0.0) for _ in self._parameters]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters by their gradients."""
        gradients = [parameter.grad for parameter in self._parameters]
        moved = [place for place, gradient in enumerate(gradients) if gradient is not None]
        rmsprop(
            [self._parameters[place] for place in moved],
            [gradient for gradient in gradients if gradient is not None],
            [self._squares[place] for place in moved],
            [],
            [],
            [self._steps[place] for place in moved],
            lr=self.learning_rate,
            alpha=0.9,
            eps=1e-7,
            weight_decay=0.0,
            momentum=0.0,
            centered=False,
        )
