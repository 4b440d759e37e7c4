"""What a study is: how its data are read, or made up, and what of its results stands beside the published figures."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.corpus.names import page_path
from pipeline.errors import UsageError
from pipeline.studies.results import Results


@dataclass(frozen=True, slots=True)
class Material:
    """What a study is given to prepare its corpus from.

    Attributes
    ----------
    data : Path
        The study's data as they are had: files, folders or an archive.
    folder : Path
        Where it may write containers of arrays and label sets; empty.
    size : int
        Things (rows or pictures) to take at most; 0: all.
    seed : int
        Of a choice among them.
    """

    data: Path
    folder: Path
    size: int
    seed: int = 0

    def find(self, pattern: str, layout: str) -> list[Path]:
        """Files of the data that match a glob, sorted.

        Raises
        ------
        UsageError
            There is none; ``layout`` says in a sentence what the data should be.
        """
        found = sorted(self.data.glob(pattern)) if self.data.is_dir() else []
        if not found:
            there = ", ".join(sorted(path.name for path in self.data.iterdir())[:5]) if self.data.is_dir() else "a file"
            raise UsageError(f"{self.data} has no {pattern} (it has {there or 'nothing'}). {layout}")
        return found


@dataclass(frozen=True, slots=True)
class Prepared:
    """A corpus that is ready: its place, label sets (name to place), and settings of the recipe that follow from it."""

    corpus: str
    labels: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)


def write_labels(
    material: Material, files: Sequence[str], labels: Mapping[str, Sequence[object] | NDArray[np.generic]]
) -> dict[str, str]:
    """Write a CSV beside the corpus for each label set, one label a file of the corpus; the places by name."""
    places = {}
    for name, values in labels.items():
        place = material.folder.parent / f"{name}.csv"
        with place.open("w", newline="") as file:
            csv.writer(file).writerows([("file", "label"), *zip(files, map(str, values), strict=True)])
        places[name] = str(place)
    return places


def rows_of(container: str, count: int) -> list[str]:
    """The paths of a container's rows.

    Examples
    --------
    >>> rows_of("spectra.npz", 2)
    ['spectra.npz#page=1', 'spectra.npz#page=2']
    """
    return [page_path(container, row + 1) for row in range(count)]


@dataclass(frozen=True, slots=True)
class Figure:
    """A published figure beside ours.

    Attributes
    ----------
    name : str
        What was measured.
    published, ours : float or None
        None where there is no number.
    unit : str
    answer : str
        Of a finding that was put to the test: ``yes``, ``no``, or why it could not be.
    why : str
        Where ours differs: the reason, as it was found; where the data are others: which.
    """

    name: str
    published: float | None = None
    ours: float | None = None
    unit: str = ""
    answer: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure of a study: SVG that `pipeline.reporting.figure_style.draw` made, and what it shows."""

    name: str
    caption: str
    svg: bytes


@dataclass(frozen=True, slots=True)
class Findings:
    """What a study comes to."""

    figures: Sequence[Figure]
    drawings: Sequence[Drawing] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """An entry of the table of studies.

    Attributes
    ----------
    title : str
        Of its page.
    layout : str
        A sentence: what the data must be.
    prepare : callable
        `Material` to `Prepared`.
    compare : callable
        `Results` to `Findings`; on one thread, the same in every run.
    make : callable, optional
        (folder, size, seed): writes made-up data of the study's layout.
    size : int
        Things that are made up where no size is given.
    """

    title: str
    layout: str
    prepare: Callable[[Material], Prepared]
    compare: Callable[[Results], Findings]
    make: Callable[[Path, int, int], object] | None = None
    size: int = 0
