"""The table of studies: a recipe and a module for each name.

To add a study: ``NAME.toml`` and ``NAME.py`` in this folder, the latter with ``STUDY = Study(...)``, and a line here.
"""

from importlib import import_module, resources
from typing import Final

from pipeline.studies.base import Study

SUMMARIES: Final = {
    "toys": "six plane sets of 3,000 points by four linkages and Density Peaks, and by further methods",
    "ore": "spectra of crushed ore reduced to a few values: what they still tell of size, plant and month",
    "fracture": "crops of ten micrographs of a tungsten alloy: five compositions found, and found across micrographs",
    "nffa": "a corpus of electron micrographs of 1 and 2 um in ten categories: the whole path and its findings",
    "digits": "MNIST (or CIFAR-10) in ten clusters: pixels, codes, contrastive codes on a map",
    "signs": "GTSRB, 43 classes of traffic signs: k-means, linkages, autoencoders, the system's own way",
}


def study_of(name: str) -> Study:
    """The study of that name."""
    found = import_module(f"{__package__}.{name}").STUDY
    assert isinstance(found, Study)
    return found


def recipe_text(name: str) -> str:
    """The TOML text of a study's recipe."""
    return (resources.files(__package__) / f"{name}.toml").read_text(encoding="utf-8")
