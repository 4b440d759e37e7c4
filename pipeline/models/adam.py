"""Adam without what Torch's class of that name drags in.

`torch.optim.Adam` wraps its methods for Torch's compiler when it is made, and so imports that compiler: 4 s of
processor time in every process that trains, of which nothing is used here. Torch's function that does the step needs
none of it, and gives the same bits.
"""

from collections.abc import Iterable, Mapping

import torch
from torch.optim.adam import adam


class Adam:
    """Adam (Kingma and Ba 2015, arXiv:1412.6980) with Torch's default constants.

    Parameters
    ----------
    parameters : iterable of Parameter
        Those whose gradient is None at a step stay as they are.
    learning_rate : float
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], *, learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self._parameters = list(parameters)
        self._means = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._squares = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._steps = [torch.tensor(0.0) for _ in self._parameters]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def state(self) -> dict[str, torch.Tensor]:
        """What the steps so far have left, by name: with it an equal optimiser goes on where this one is."""
        named = {"mean": self._means, "square": self._squares, "step": self._steps}
        return {f"{name}.{place}": tensor for name, tensors in named.items() for place, tensor in enumerate(tensors)}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from a `state` of an optimiser of the same parameters."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters by their gradients."""
        gradients = [parameter.grad for parameter in self._parameters]
        moved = [place for place, gradient in enumerate(gradients) if gradient is not None]
        adam(
            [self._parameters[place] for place in moved],
            [gradient for gradient in gradients if gradient is not None],
            [self._means[place] for place in moved],
            [self._squares[place] for place in moved],
            [],
            [self._steps[place] for place in moved],
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
