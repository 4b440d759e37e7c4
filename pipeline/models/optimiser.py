"""What the optimisers share: parameters, what the steps so far have left, and how that is kept.

`torch.optim`'s classes wrap their methods for Torch's compiler when they are made, and so import that compiler: 4 s of
processor time in every process that trains, of which nothing is used here. Torch's functions that do a step need none
of it, and give the same bits.
"""

from collections.abc import Iterable, Mapping

import torch


class Optimiser:
    """Changes parameters by their gradients.

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

    def state(self) -> dict[str, torch.Tensor]:
        """What the steps so far have left, by name: with it an equal optimiser goes on where this one is."""
        return {
            f"{name}.{place}": tensor for name, tensors in self._named().items() for place, tensor in enumerate(tensors)
        }

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from a `state` of an optimiser of the same parameters."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])

    def step(self) -> None:
        """Change the parameters by their gradients."""
        raise NotImplementedError

    def _named(self) -> dict[str, list[torch.Tensor]]:
        return {"square": self._squares, "step": self._steps}

    def _moved(self) -> tuple[list[int], list[torch.Tensor]]:
        """Places of the parameters that have a gradient, and the gradients."""
        gradients = [parameter.grad for parameter in self._parameters]
        moved = [place for place, gradient in enumerate(gradients) if gradient is not None]
        return moved, [gradient for gradient in gradients if gradient is not None]
