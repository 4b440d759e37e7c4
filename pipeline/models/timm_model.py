"""What we use of timm's networks, which carry no types: body, head, classifier and facts of the weights."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import torch
from torch import nn


class TimmModel(Protocol):
    """A classifier of pictures: a body that ends in maps or tokens, and a head."""

    num_classes: int
    feature_info: Sequence[Mapping[str, Any]]

    @property
    def pretrained_cfg(self) -> Mapping[str, Any]:
        """Where the weights are, the classifier's name, and the input they were trained on."""

    def forward_features(self, pictures: torch.Tensor) -> torch.Tensor:
        """The body's output: [B, C, rows, columns] of a convolutional network."""

    def forward_head(self, maps: torch.Tensor, *, pre_logits: bool = False) -> torch.Tensor:
        """Scores [B, classes], or what the classifier is given."""

    def get_classifier(self) -> nn.Linear:
        """The last layer."""

    def reset_classifier(self, num_classes: int) -> None:
        """A new last layer; none for 0 classes."""


def timm_model(model: nn.Module) -> TimmModel:
    """The same network with these types; nothing is checked."""
    return cast(TimmModel, model)
