"""What works on this machine: versions, devices, optional parts."""

import importlib.metadata
import os
import platform
import shutil
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.index.transaction import software_version
from pipeline.parts import missing_modules

_NEEDED = (
    "zarr",
    "icechunk",
    "pyarrow",
    "numpy",
    "scipy",
    "numba",
    "scikit-learn",
    "tifffile",
    "imagecodecs",
    "simplejpeg",
    "pypdfium2",
    "rapidocr",
    "onnxruntime",
    "opencv-python-headless",
)
_OPTIONAL_PACKAGES = {
    "torch": "pip install 'semcorpus[networks]' to embed pictures",
    "torchvision": "pip install 'semcorpus[networks]' to embed pictures",
    "timm": "pip install 'semcorpus[networks]' to embed pictures",
    "openTSNE": "pip install 'semcorpus[vectors]' for maps",
    "umap-learn": "pip install 'semcorpus[vectors]' for maps",
    "dask": "pip install 'semcorpus[clusters]' for more than one process",
    "distributed": "pip install 'semcorpus[clusters]' for more than one process",
    "ray": "pip install 'semcorpus[clusters]' for more than one process",
    "s3fs": "pip install 'semcorpus[s3]' for buckets",
}
_OPTIONAL_PROGRAMS = {
    "ddjvu": "install djvulibre-bin to read DJVU files; without it they are `unsupported`",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the installation: its state, its version or place, and what to do where it is not here."""

    name: str
    state: Literal["ok", "missing", "absent"]
    detail: str
    advice: str = ""


def diagnose() -> list[Part]:
    """Look at every part; ``missing`` is needed and not here, ``absent`` is optional."""
    return [
        Part("semcorpus", "ok", software_version()),
        Part("python", "ok", platform.python_version()),
        *(_package(name) for name in _NEEDED),
        *(_optional_package(name, advice) for name, advice in _OPTIONAL_PACKAGES.items()),
        *(_program(name, advice) for name, advice in _OPTIONAL_PROGRAMS.items()),
        Part("cores", "ok", str(len(os.sched_getaffinity(0)))),
        _device(),
        _reader_weights(),
    ]


def _package(name: str) -> Part:
    try:
        return Part(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Part(name, "missing", "", f"pip install {name}")


def _optional_package(name: str, advice: str) -> Part:
    try:
        return Part(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Part(name, "absent", "", advice)


def _program(name: str, advice: str) -> Part:
    found = shutil.which(name)
    return Part(name, "ok", found) if found else Part(name, "absent", "", advice)


def _device() -> Part:
    if missing_modules("networks"):
        return Part("gpu", "absent", "", "pip install 'semcorpus[networks]' to use one")
    from pipeline.models.runtime import device_report

    report = device_report()
    gpus: Any = report["gpus"]
    if gpus:
        return Part("gpu", "ok", ", ".join(str(gpu["name"]) for gpu in gpus))
    return Part("gpu", "absent", "", f"networks run on the CPU: {report['note']}")


def _reader_weights() -> Part:
    from pipeline.imaging.scale.recognition.text import recognition_weights

    try:
        return Part("text recognition weights", "ok", recognition_weights().name)
    except (OSError, ImportError) as error:
        return Part("text recognition weights", "missing", "", f"reinstall rapidocr: {error}")
