"""Adam without what Torch's class of that name drags in (see `pipeline.models.optimiser`)."""

from collections.abc import Iterable

import torch
from torch.optim.adam import adam

from pipeline.models.optimiser import Optimiser


class Adam(Optimiser):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980) with Torch's default constants; parameters as `Optimiser`."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], *, learning_rate: float) -> None:
        super().__init__(parameters, learning_rate=learning_rate)
        self._means = [torch.zeros_like(parameter) for parameter in self._parameters]

    def _named(self) -> dict[str, list[torch.Tensor]]:
        return {"mean": self._means, **super()._named()}

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters by their gradients."""
        moved, gradients = self._moved()
        adam(
            [self._parameters[place] for place in moved],
            gradients,
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
