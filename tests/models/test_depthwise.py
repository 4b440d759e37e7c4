"""Gradients of depthwise convolutions: those of Torch, up to the order of sums, for small and for large maps."""

import copy

import pytest
import torch
from torch import nn

from pipeline.models.depthwise import hasten_depthwise


@pytest.mark.parametrize(("side", "kernel"), [(1, 3), (4, 5), (8, 3), (20, 3)])
@pytest.mark.parametrize("bias", [False, True])
def test_outputs_have_the_bits_and_gradients_the_values_of_torch(side: int, kernel: int, bias: bool) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.Conv2d(3, 6, 1), nn.Conv2d(6, 6, kernel, padding=kernel // 2, groups=6, bias=bias), nn.Conv2d(6, 4, 1)
    ).double()
    ours = copy.deepcopy(plain)
    hasten_depthwise(ours)
    pictures = torch.randn(5, 3, side, side, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    assert torch.equal(ours(pictures), plain(pictures))
    for network in (ours, plain):
        network(pictures).square().sum().backward()
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-10, atol=1e-10)


def test_other_convolutions_stay_as_they_are() -> None:
    network = nn.Sequential(
        nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1, groups=4, stride=2), nn.Conv2d(4, 4, 3, groups=4)
    )
    hasten_depthwise(network)
    assert not any("_conv_forward" in vars(part) for part in network)
