"""The benchmark of maps finds a network that answers where the thing is, and one whose last maps have one cell."""

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.maps import judge
from pipeline.models.backbones import BackboneEncoder

_LEVELS = (0.3, 0.5, 0.7, 0.9)  # gray of the thing in a picture of each class


class _Grays(nn.Module):
    """A stage with a map a class, high where its gray is, and as last maps their mean, times ten."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = nn.Identity()
        self.feature_info = [{"module": "stage", "reduction": 1}]

    def forward_features(self, pictures: torch.Tensor) -> torch.Tensor:
        maps = torch.stack([torch.relu(0.1 - (pictures[:, 0] - level).abs()) for level in _LEVELS], dim=1)
        return self.stage(maps).mean(dim=(2, 3), keepdim=True).mul(1e4)  # type: ignore[no-any-return]

    def forward_head(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.flatten(1)


def test_measures_where_maps_lie() -> None:
    classes = np.arange(12) % 4
    pictures = np.zeros((12, 32, 32), np.uint8)
    for picture, level in zip(pictures, classes, strict=True):
        picture[8:24, 8:24] = round(255 * _LEVELS[level])
    encoder = BackboneEncoder(
        _Grays(),
        name="grays",
        device="cpu",
        image_size=32,
        mean=(0,) * 3,
        std=(1,) * 3,
        batch_size=4,
        outputs=("logits",),
    )
    found = judge(encoder, pictures, classes, 11, np.random.default_rng(0))
    assert found["pictures"] == 11
    # Covered, nine are no more of one class than of another; the mean of the two brightest is the gray of the darkest.
    assert found["drawn"] == pytest.approx({"middle": 1.0, "pointing": 1.0, "covered": (9 * 0.75 + 2) / 11}, abs=0.01)
    assert found["last stage"]["middle"] == found["last stage"]["pointing"] == pytest.approx(0.25)
