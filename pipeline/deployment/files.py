"""Where the files of ``deploy/`` are: beside the code in a checkout, inside the package when installed."""

from pathlib import Path
from typing import Final

from pipeline.errors import DeploymentError

_INSTALLED: Final = Path(__file__).parent / "files"
_CHECKOUT: Final = Path(__file__).parents[2] / "deploy"


def deploy_folder(name: str) -> Path:
    """The folder ``deploy/NAME``; raises `DeploymentError` where the installation left it out."""
    for root in (_INSTALLED, _CHECKOUT):
        if (root / name).is_dir():
            return root / name
    raise DeploymentError(f"This installation has no deploy/{name}: neither {_INSTALLED} nor {_CHECKOUT} holds it.")
