"""How well codes can be turned back into their vectors: figures, and a list of the pictures that lose most."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import zarr
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from pipeline.config import Recipe
from pipeline.corpus.csv_text import cell_text
from pipeline.errors import UsageError
from pipeline.index.store import Index
from pipeline.index.tables import read_table
from pipeline.networks.base import CodeNetworkSettings
from pipeline.networks.registry import network_of
from pipeline.operations.remembered import stored_recipe
from pipeline.reporting import figures_codes, figures_vectors
from pipeline.stages.files.ledger import hex_md5, read_images, sources_of
from pipeline.stages.labels.sets import label_sets
from pipeline.stages.report.write import thumbnails
from pipeline.stages.vectors.sets import VectorSet, find_vectors, fit_key, vector_sets
from pipeline.stages.vectors.stored_networks import current_network, read_network

_BLOCK = 4096
_MOST_FITTED, _MOST_DRAWN = 20_000, 3_000
_WORST_DRAWN = 12
_EXAMPLES = (("best", 0.0), ("middle", 0.5), ("one in ten is worse", 0.9), ("worst", 1.0))


@dataclass(frozen=True, slots=True)
class CodeErrors:
    """What the codes of all pictures lose.

    Attributes
    ----------
    name, vectors : str
        Of the codes, and of the set of vectors that they are of.
    images : int64 [n]
        Image rows.
    errors, of_components : float64 [n]
        Mean squared error of a value over the mean variance of a value, of the network and of as many principal
        components of these vectors: 1 is what the mean alone loses.
    """

    name: str
    vectors: str
    images: NDArray[np.int64]
    errors: NDArray[np.float64]
    of_components: NDArray[np.float64]

    @property
    def worst_first(self) -> NDArray[np.int64]:
        """Positions by error, the largest first; equal ones by image."""
        return np.argsort(-self.errors, kind="stable")


class _Codes:
    """The codes of one network with the vectors that they are of; rows are read a block at a time."""

    def __init__(self, root: zarr.Group, recipe: Recipe, settings: CodeNetworkSettings, found: VectorSet) -> None:
        self._root, self._found = root, found
        self._source = find_vectors(root, recipe, settings.vectors)
        fit = fit_key(root, recipe, settings)
        network = None if fit is None else current_network(root, settings.name, fit)
        assert network is not None, "there are codes"
        self._encoder: Any = network_of(settings).load(settings, read_network(root, settings.name, network))
        self.name, self.vectors, self.images = settings.name, settings.vectors, found.rows

    def triples(
        self, chosen: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
        """Vectors, codes and reconstructions at some ascending positions."""
        where = np.searchsorted(self._source.rows, self.images)
        for start in range(0, len(chosen), _BLOCK):
            part = chosen[start : start + _BLOCK]
            vectors = self._source.read_some(self._root, where[part])
            codes = self._found.read_some(self._root, part)
            yield vectors, codes, self._encoder.decode(codes)

    def errors(self) -> CodeErrors:
        """Of all rows; the components are those of at most 20,000 of them."""
        every = np.arange(len(self.images))
        sample = np.concatenate([vectors for vectors, _, _ in self.triples(_spread(len(every), _MOST_FITTED))])
        unit = float(sample.var(axis=0, dtype=np.float64).mean()) or 1.0
        pca = PCA(min(self._encoder.dimension, *sample.shape), random_state=0).fit(sample)
        lost = [
            (_lost(vectors, back, unit), _lost(vectors, pca.inverse_transform(pca.transform(vectors)), unit))
            for vectors, _, back in self.triples(every)
        ]
        ours, theirs = (np.concatenate(side) for side in zip(*lost, strict=True))
        return CodeErrors(self.name, self.vectors, self.images, ours, theirs)


def _lost(vectors: NDArray[np.float32], back: NDArray[np.float32], unit: float) -> NDArray[np.float64]:
    difference = vectors.astype(np.float64) - back
    return np.asarray((difference**2).mean(axis=1) / unit)


def _spread(n: int, most: int) -> NDArray[np.int64]:
    """At most so many of n positions, evenly apart."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def write_code_figures(index: Index, name: str, folder: Path) -> CodeErrors:
    """Write ``losses.svg``, ``reconstructions.svg``, ``codes.svg``, ``errors.svg``, ``worst.svg`` and ``outliers.csv``.

    ``outliers.csv`` has every picture, the worst first. Memory: blocks of 4,096 vectors, and a sample of 20,000.

    Parameters
    ----------
    index : Index
    name : str
        Of the codes; empty: the first of the recipe.
    folder : Path
        Made where it is missing.

    Raises
    ------
    UsageError
        There are no such codes, or they cannot be turned back.
    """
    root, recipe = index.read(), stored_recipe(index)
    codes = _codes(root, recipe, name)
    found = codes.errors()
    folder.mkdir(parents=True, exist_ok=True)
    for title, data in _figures(root, recipe, codes, found).items():
        (folder / f"{title}.svg").write_bytes(data)
    (folder / "outliers.csv").write_text(_outliers(root, found), encoding="utf-8", newline="")
    return found


def _codes(root: zarr.Group, recipe: Recipe, name: str) -> _Codes:
    made = {one.name: one for one in vector_sets(root, recipe)}
    known = [settings for settings in recipe.autoencode if settings.name in made]
    settings = next((one for one in known if name in ("", one.name)), None)
    if settings is None:
        raise UsageError(
            f"The index has no codes {name or 'at all'} (it has {', '.join(one.name for one in known) or 'none'}). "
            "`semcorpus autoencode` makes those of the recipe."
        )
    return _Codes(root, recipe, settings, made[settings.name])


def _figures(root: zarr.Group, recipe: Recipe, codes: _Codes, found: CodeErrors) -> dict[str, bytes]:
    order = found.worst_first
    picture = thumbnails(root, recipe)
    drawn = _spread(len(found.images), _MOST_DRAWN)
    losses = figures_vectors.training({"autoencoders": _course(root, found.name)})
    assert losses is not None, "it was trained"
    places = [order[::-1][round(share * (len(order) - 1))] for _, share in _EXAMPLES]
    shown = picture([int(found.images[place]) for place in places])
    examples = []
    for (title, _), place in zip(_EXAMPLES, places, strict=True):
        vector, _, back = next(codes.triples(np.array([place])))
        image = shown.get(int(found.images[place]))
        examples.append(figures_codes.Example(title, float(found.errors[place]), vector[0], back[0], image))
    worst = order[:_WORST_DRAWN]
    names = dict(zip(found.images[worst].tolist(), _titles(root, found.images[worst]), strict=True))
    pictures = picture(list(names))
    return {
        "losses": losses,
        "reconstructions": figures_codes.reconstructions(found.name, examples),
        "codes": figures_codes.scatter(
            found.name,
            np.concatenate([part for _, part, _ in codes.triples(drawn)]),
            _labels(root, recipe, found.images[drawn]),
        ),
        "errors": figures_codes.error_histogram(found.name, found.errors, found.of_components),
        "worst": figures_codes.worst(
            found.name,
            {names[int(found.images[place])]: float(found.errors[place]) for place in worst.tolist()},
            {names[row]: one for row, one in pictures.items()},
        ),
    }


def _course(root: zarr.Group, name: str) -> pa.Table:
    """The epochs of one training."""
    table = read_table(root, "training")
    kept = table["codes"] == name
    return pa.table({column: values[kept].tolist() for column, values in table.items()})


def _titles(root: zarr.Group, rows: NDArray[np.int64]) -> list[str]:
    """The file's name and the first digits of the MD5, which no two share."""
    paths = {source.image: source.path.rsplit("/", 1)[-1] for source in sources_of(root, rows)}
    md5 = hex_md5(read_images(root).md5[rows])
    return [f"{paths.get(row, '')} {digits[:6]}".strip() for row, digits in zip(rows.tolist(), md5, strict=True)]


def _labels(root: zarr.Group, recipe: Recipe, rows: NDArray[np.int64]) -> list[str]:
    """Each picture's label in the first set, empty without one."""
    sets = label_sets(root, recipe)
    return [sets[0].of_image.get(row, "") for row in rows.tolist()] if sets else [""] * len(rows)


def _outliers(root: zarr.Group, found: CodeErrors) -> str:
    order = found.worst_first
    rows = found.images[order]
    md5 = hex_md5(read_images(root).md5[rows])
    paths = {source.image: source.path for source in sources_of(root, rows)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("rank", "md5", "path", "error", "error_of_components"))
    for rank, (row, digits, place) in enumerate(zip(rows.tolist(), md5, order.tolist(), strict=True), start=1):
        errors = (f"{found.errors[place]:.6g}", f"{found.of_components[place]:.6g}")
        writer.writerow((rank, digits, cell_text(paths.get(row, "")), *errors))
    return text.getvalue()
