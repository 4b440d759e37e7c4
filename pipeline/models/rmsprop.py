"""RMSprop without what Torch's class of that name drags in (see `pipeline.models.optimiser`)."""

import torch
from torch.optim.rmsprop import rmsprop

from pipeline.models.optimiser import Optimiser


class RMSprop(Optimiser):
    """RMSprop (Tieleman and Hinton 2012) with the constants of Keras, which the ore study used."""

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters by their gradients."""
        moved, gradients = self._moved()
        rmsprop(
            [self._parameters[place] for place in moved],
            gradients,
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
