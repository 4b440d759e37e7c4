"""Which device multiplies: what a setting asks for, as it is here. Torch is imported only where that has to be seen."""

from typing import Literal

from pipeline.kernels.clustering.nearest_center import NearestCenters, nearest_centers

Device = Literal["auto", "cpu", "cuda"]


def device_here(asked: Device) -> Literal["cpu", "cuda"]:
    """``auto`` is ``cuda`` where Torch sees a GPU in this process, else ``cpu``; the others are what they say."""
    if asked != "auto":
        return asked
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def nearest_on(device: str) -> NearestCenters:
    """What finds nearest centres with products on a device; the same labels everywhere."""
    if device == "cpu":
        return nearest_centers
    from pipeline.search_backends.torch_centers import TorchCenters

    return TorchCenters(device)
