"""Our Adam against Torch's: the same bits, and nothing of Torch's compiler."""

import subprocess
import sys

import torch

from pipeline.models.adam import Adam


def _network() -> torch.nn.Module:
    torch.manual_seed(4)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.Flatten(), torch.nn.Linear(3 * 16, 5))


def test_the_bits_are_those_of_torchs_own() -> None:
    ours, theirs = _network(), _network()
    idle = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]  # never has a gradient
    pairs = [
        (ours, Adam([idle[0], *ours.parameters()], learning_rate=0.01)),
        (theirs, torch.optim.Adam([idle[1], *theirs.parameters()], lr=0.01)),
    ]
    for step in range(7):
        pictures = torch.rand((4, 1, 6, 6), generator=torch.Generator().manual_seed(step))
        for network, optimiser in pairs:
            optimiser.zero_grad()
            network(pictures).square().mean().backward()
            optimiser.step()
    start = _network().state_dict()
    for name, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name])
        assert not torch.equal(value, start[name])
    assert torch.equal(idle[0], idle[1])


_TRAIN = """
import sys
import torch
from pipeline.models.adam import Adam
from pipeline.models.runtime import deterministic
layer = torch.nn.Linear(3, 2)
with deterministic():
    optimiser = Adam(layer.parameters(), learning_rate=0.1)
    layer(torch.ones(4, 3)).sum().backward()
    optimiser.step()
print([name for name in ("torch._dynamo", "torch._inductor", "sympy") if name in sys.modules])
"""


def test_training_imports_nothing_of_torchs_compiler() -> None:
    found = subprocess.run([sys.executable, "-c", _TRAIN], check=True, timeout=60, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
