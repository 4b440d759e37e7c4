"""dimension: intrinsic dimension, spectrum, distance maps and what codes keep, of every set of vectors.

A set is measured in parts, each a task of its own: the fits on all points, every random subsample, the spectrum, each
label set and, for a code, its neighbourhoods. What the parts find is put together in their order. Before that, the sums
that the spectrum of a large set needs are made piece by piece (`pipeline.stages.dimension.moments`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import DimensionSettings, Recipe
from pipeline.errors import SemcorpusError
from pipeline.index.arrays import attributes_of, set_attributes
from pipeline.index.schema import Kind, Row
from pipeline.index.tables import replace_rows
from pipeline.kernels.arrays import InvalidDataError
from pipeline.kernels.dimension.distance_maps import distance_map
from pipeline.kernels.dimension.gride import GrideEstimate, gride_curve
from pipeline.kernels.dimension.label_distances import distance_label_correlation
from pipeline.kernels.dimension.plateau import dimension_statement, find_plateau
from pipeline.kernels.dimension.preservation import neighbourhood_preservation
from pipeline.kernels.dimension.principal_components import components_of_moments
from pipeline.kernels.dimension.two_nn import (
    MIN_POINTS,
    TwoNNEstimate,
    distinct_distances,
    rounding_distance,
    subsample_estimate,
    two_nn,
)
from pipeline.runtime.keys import random_seed
from pipeline.runtime.plan import Context, Done, Job, Plan, Stage, Worker
from pipeline.stages.dimension.moments import all_moments, drop_moments, plan_moments
from pipeline.stages.dimension.tables import MEASURED, PRESERVATION, TABLES
from pipeline.stages.labels.sets import LabelSet, label_sets
from pipeline.stages.neighbours.tables import NeighbourTable, is_complete, read_neighbours
from pipeline.stages.result_keys import dimension_key, stored_keys
from pipeline.stages.selection import once_paired
from pipeline.stages.vectors.sets import VectorSet, find_vectors, vector_sets

NAME = "dimension"

_FEWEST_IN_SUBSAMPLE = 50
_DECIMATION_FRACTION = 0.9
_SHARES = (90, 95, 99)
_LOADED_COMPONENTS = 5
_LOADINGS = 10
_MAP_POINTS = 5000
_MOST_LABELS = 40
_MOST_TIED = 0.05
_RESOLUTION_POINTS = 2000
_HUGE_RATIO = 100
_PRESERVATION_POINTS = 5000
_PRESERVED_NEIGHBOURS = 10
_UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what is measured on a set of vectors.

    Attributes
    ----------
    vectors : str
    key : int
        Of the whole measurement.
    kind : str
        ``fits``, ``subsample``, ``spectrum``, ``distances`` or ``preservation``.
    number, repeat : int
        Points and number of a subsample; number of the label set.
    items : int
        Vectors that are new with this part: all with the first, none with the others.
    """

    vectors: str
    key: int
    kind: str
    number: int = 0
    repeat: int = 0
    items: int = 0

    @property
    def label(self) -> str:
        """What it is, in words."""
        which = {"subsample": f" {self.repeat} of {self.number} points", "distances": f" to label set {self.number}"}
        return f"{self.kind}{which.get(self.kind, '')} of {self.vectors}"


Rows = dict[str, list[Row]]
"""Rows of tables, by the table's name."""


def plan(context: Context) -> Plan | None:
    """Measure the sets of vectors whose neighbours, labels or settings have changed."""
    recipe = context.recipe
    sets = label_sets(context.root, recipe)
    done = stored_keys(context.root, "dimension", "keys")
    for vectors in vector_sets(context.root, recipe):
        key = dimension_key(recipe, vectors, sets)
        if done.get(vectors.name) == key or not is_complete(context.root, recipe, vectors):
            continue
        if (moments := plan_moments(context.root, recipe, vectors, key)) is not None:
            return moments
        parts = _parts(vectors, key, recipe, len(sets))
        found = _found(context.root, vectors.name, key)
        tasks = [part for part in parts if part.label not in found]
        return Plan(
            step=vectors.name,
            tasks=tasks,
            job=Job(f"dimension {vectors.name} {key}", partial(_measurer, recipe, vectors.name)),
            merge=partial(_merge, name=vectors.name, key=key, parts=parts),
            engine="dask",
            seconds_per_item=0.001,
            settings={"vectors": vectors.name, **recipe.dimension.model_dump()},
        )
    return None


def _parts(vectors: VectorSet, key: int, recipe: Recipe, n_sets: int) -> list[Part]:
    settings, n = recipe.dimension, len(vectors.rows)
    parts = [Part(vectors.name, key, "fits", items=n)]
    for size in _sizes(n, settings):
        parts += [Part(vectors.name, key, "subsample", size, repeat) for repeat in range(settings.decimation_repeats)]
    parts.append(Part(vectors.name, key, "spectrum"))
    parts += [Part(vectors.name, key, "distances", number) for number in range(n_sets)]
    if any(code.name == vectors.name for code in recipe.autoencode):
        parts.append(Part(vectors.name, key, "preservation"))
    return parts


def _sizes(n: int, settings: DimensionSettings) -> list[int]:
    sizes = []
    size = min(n, settings.max_points) // 2
    while size >= max(_FEWEST_IN_SUBSAMPLE, MIN_POINTS):
        sizes.append(size)
        size //= 2
    return sizes


def _found(root: zarr.Group, name: str, key: int) -> dict[str, Rows]:
    """What parts of this measurement have found before an interruption, by their labels."""
    kept = attributes_of(root, "dimension").get(_UNFINISHED)
    if not isinstance(kept, dict) or (kept["vectors"], kept["key"]) != (name, key):
        return {}
    return dict(kept["found"])


def _measurer(recipe: Recipe, name: str, root: zarr.Group) -> Worker:
    settings = recipe.dimension
    sets = label_sets(root, recipe)
    vectors = find_vectors(root, recipe, name)

    def worker(root: zarr.Group, part: Part) -> tuple[str, Rows]:
        if part.kind == "fits":
            neighbours = read_neighbours(root, recipe, vectors)
            assert neighbours is not None, "the plan has seen them"
            return part.label, _fits(root, vectors, neighbours, settings)
        if part.kind == "subsample":
            return part.label, {"dimension": _subsample(root, vectors, settings, part)}
        if part.kind == "spectrum":
            return part.label, _spectrum(root, vectors, settings, part.key)
        if part.kind == "distances":
            return part.label, _distances(root, vectors, sets[part.number], settings)
        return part.label, {"preservation": _preservation(root, recipe, vectors)}

    return worker


def _row(name: str, fraction: float, subsample: int, n: int, fit: TwoNNEstimate | None) -> Row:
    """A row of the table; without a fit all that is missing is NaN."""
    return {
        "vectors": name,
        "fraction": fraction,
        "subsample": subsample,
        "n_points": n if fit is None or subsample >= 0 else fit.n_points,
        "n_dropped": 0 if fit is None else fit.n_dropped,
        "dimension": np.nan if fit is None else fit.dimension,
        "error": np.nan if fit is None else fit.error,
        "ml_dimension": np.nan if fit is None else fit.ml_dimension,
        "ml_error": np.nan if fit is None else fit.ml_error,
    }


def _fits(root: zarr.Group, vectors: VectorSet, neighbours: NeighbourTable, settings: DimensionSettings) -> Rows:
    """2-NN on all points, for every fraction; ``subsample`` is -1. Gride over the scales; what cannot be, in words."""
    name, n, told = vectors.name, len(vectors.rows), ""
    rows = []
    distances = neighbours.chords()
    resolution = _resolution(root, vectors, neighbours, settings)
    first, second = distinct_distances(neighbours.indices, distances, resolution=resolution)
    for fraction in settings.fractions:
        fit = None
        try:
            fit = two_nn(first, second, fraction=fraction)
            told = told or _about_ties(fit) or _about_near_copies(vectors, neighbours, first, second, fit)
        except SemcorpusError as error:
            told = told or str(error)
        rows.append(_row(name, fraction, -1, n, fit))
    scales = [
        {
            "vectors": name,
            "n1": found.n1,
            "n2": found.n2,
            "scale": found.scale,
            "n_points": found.n_points,
            "n_dropped": found.n_dropped,
            "dimension": found.dimension,
            "error": found.error,
        }
        for found in _gride(distances)
    ]
    return {"dimension": rows, "dimension_scales": scales, "dimension_findings": [{"statement": told}]}


def _resolution(root: zarr.Group, vectors: VectorSet, neighbours: NeighbourTable, settings: DimensionSettings) -> float:
    """Distance of two vectors that differ by rounding alone, in the unit of the chords; from some of the vectors."""
    if neighbours.metric == "cosine":
        return rounding_distance(np.ones((1, 1), np.float32))  # of vectors of length 1
    seed = random_seed(settings.seed, NAME, vectors.name)
    return rounding_distance(vectors.read_some(root, _at_most(len(vectors.rows), _RESOLUTION_POINTS, seed)))


def _about_near_copies(
    vectors: VectorSet,
    neighbours: NeighbourTable,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    fit: TwoNNEstimate,
) -> str:
    """Many points with one neighbour far nearer than the next are near copies; in words, with some pairs."""
    huge = (first > 0) & (second > _HUGE_RATIO * first)
    expected = fit.n_points * _HUGE_RATIO ** -max(fit.dimension, 1.0)
    found = int(huge.sum())
    if found <= 3 + 5 * expected:
        return ""
    nearest = neighbours.indices[:, 0]
    pairs = sorted({(min(at, nearest[at]), max(at, nearest[at])) for at in np.flatnonzero(huge).tolist()})
    examples = ", ".join(f"{vectors.rows[one]} and {vectors.rows[other]}" for one, other in pairs[:3])
    return (
        f"{found:,} of {fit.n_points:,} points have one neighbour {_HUGE_RATIO} times nearer than the next: near "
        f"copies that are not paired pull the estimate down (images {examples})."
    )


def _about_ties(fit: TwoNNEstimate) -> str:
    if fit.n_tied <= _MOST_TIED * fit.n_points:
        return ""
    return (
        f"The two nearest neighbours of {fit.n_tied:,} of {fit.n_points:,} points are equally far: the data are partly "
        f"discrete (counts, a grid), and no estimate is to be trusted; {fit.n_dropped:,} duplicates were dropped."
    )


def _gride(distances: NDArray[np.float64]) -> list[GrideEstimate]:
    try:
        return gride_curve(distances)
    except InvalidDataError:
        return []  # the 2-NN fits of the same distances say why


def _subsample(root: zarr.Group, vectors: VectorSet, settings: DimensionSettings, part: Part) -> list[Row]:
    """2-NN on a random part of at most ``max_points`` vectors, which is the same for all parts."""
    seed = random_seed(settings.seed, NAME, vectors.name)
    values = vectors.read_some(root, _at_most(len(vectors.rows), settings.max_points, seed))
    try:
        found = subsample_estimate(values, part.number, seed=seed, repeat=part.repeat, fraction=_DECIMATION_FRACTION)
    except InvalidDataError:
        return []  # so many duplicates that too few points are left: no estimate
    row = _row(vectors.name, _DECIMATION_FRACTION, part.repeat, part.number, found)
    return [row | {"error": np.nan}]  # the spread of the repeats takes its place


def _at_most(n: int, most: int, seed: int) -> NDArray[np.int64]:
    """Ascending positions: all, or a random choice."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def _spectrum(root: zarr.Group, vectors: VectorSet, settings: DimensionSettings, key: int) -> Rows:
    n = len(vectors.rows)
    if n < 2:
        return {}
    moments = all_moments(root, vectors, key)
    fit = components_of_moments(moments, min(len(moments.mean), n - 1))
    totals = np.cumsum(fit.explained_variance_ratio)
    spectrum = [
        {
            "vectors": vectors.name,
            "component": number + 1,
            "explained_variance_ratio": float(ratio),
            "cumulative_ratio": float(total),
        }
        for number, (ratio, total) in enumerate(zip(fit.explained_variance_ratio, totals, strict=True))
    ][: settings.components]
    loadings = [
        {"vectors": vectors.name, "component": number + 1, "feature": int(feature), "loading": float(row[feature])}
        for number, row in enumerate(fit.components[:_LOADED_COMPONENTS])
        for feature in np.argsort(-np.abs(row), kind="stable")[:_LOADINGS]
    ]
    shares = {f"components_{share}": int(np.searchsorted(totals, share / 100 - 1e-12)) + 1 for share in _SHARES}
    return {"spectrum": spectrum, "loadings": loadings, "dimension_findings": [shares if totals[-1] > 0 else {}]}


def _distances(root: zarr.Group, vectors: VectorSet, labels: LabelSet, settings: DimensionSettings) -> Rows:
    positions, names = labels.at_level(1, vectors.rows)
    if len(positions) < 2:
        return {}
    seed = random_seed(settings.seed, NAME, vectors.name, labels.name)
    values = vectors.read_some(root, positions)
    found = distance_label_correlation(values, names, seed=seed, max_points=settings.max_points)
    row = {
        "vectors": vectors.name,
        "set": labels.name,
        "n_points": found.n_points,
        "correlation_with_labels": found.correlation,
    }
    chosen = _at_most(len(positions), _MAP_POINTS, seed)
    mapped = distance_map(values[chosen], np.asarray(names)[chosen])
    cells = [
        {
            "vectors": vectors.name,
            "set": labels.name,
            "label": str(one),
            "other": str(other),
            "n_points": int(mapped.counts[i]),
            "mean_distance": float(mapped.mean[i, j]),
        }
        for i, one in enumerate(mapped.labels)
        for j, other in enumerate(mapped.labels)
    ]
    return {"distances": [row], "distance_map": cells if len(mapped.labels) <= _MOST_LABELS else []}


def _preservation(root: zarr.Group, recipe: Recipe, vectors: VectorSet) -> list[Row]:
    """How well a code keeps the neighbourhoods of the vectors that it was made from."""
    name = next(code.vectors for code in recipe.autoencode if code.name == vectors.name)
    source = find_vectors(root, recipe, name)
    shared, mine, theirs = np.intersect1d(vectors.rows, source.rows, assume_unique=True, return_indices=True)
    seed = random_seed(recipe.dimension.seed, NAME, vectors.name, name)
    chosen = _at_most(len(shared), _PRESERVATION_POINTS, seed)
    mine, theirs = mine[chosen], theirs[chosen]
    k = min(_PRESERVED_NEIGHBOURS, (len(mine) - 1) // 2)
    if k < 1:
        return []
    found = neighbourhood_preservation(source.read_some(root, theirs), vectors.read_some(root, mine), k)
    return [
        {
            "codes": vectors.name,
            "vectors": name,
            "n_neighbours": k,
            "n_points": found.n_points,
            "trustworthiness": found.trustworthiness,
            "continuity": found.continuity,
            "share_kept": found.share_kept,
        }
    ]


def _merge(
    root: zarr.Group, results: Sequence[tuple[str, Rows]], *, name: str, key: int, parts: Sequence[Part]
) -> None:
    """Keep what was found until all parts are there, then write the tables in the order of the parts."""
    found = _found(root, name, key) | dict(results)
    keys = stored_keys(root, "dimension", "keys")
    missing = any(part.label not in found for part in parts)
    if missing:
        set_attributes(root, "dimension", {_UNFINISHED: {"vectors": name, "key": key, "found": _without_nan(found)}})
        return
    rows: Rows = {table.name: [] for table in MEASURED}
    for part in parts:
        for table, new in found[part.label].items():
            rows[table] += new
    rows["dimension"] = _with_spread(rows["dimension"])
    rows["dimension_findings"] = [_findings(name, rows)]
    for measured in MEASURED:
        typed = [{c.name: _value(row.get(c.name), c.kind) for c in measured.stored} for row in rows[measured.name]]
        named = "codes" if measured is PRESERVATION else "vectors"
        replace_rows(root, measured.place, named, [name], measured.typed(typed))
    drop_moments(root)
    set_attributes(root, "dimension", {"keys": {**keys, name: key}, _UNFINISHED: None})


def _without_nan(found: dict[str, Rows]) -> Any:
    """JSON has no NaN: it is left out, and `_value` brings it back."""
    return {
        label: {
            table: [
                {column: value for column, value in row.items() if not (isinstance(value, float) and np.isnan(value))}
                for row in rows
            ]
            for table, rows in tables.items()
        }
        for label, tables in found.items()
    }


def _value(value: object, kind: Kind) -> Any:
    missing = {"text": "", "int64": 0, "float64": np.nan}
    return missing[kind] if value is None else value


def _with_spread(rows: list[Row]) -> list[Row]:
    """Give the subsamples of one size the standard deviation of their estimates for an error."""
    spread = {}
    for size in {row["n_points"] for row in rows if row["subsample"] >= 0}:
        same = [row["dimension"] for row in rows if row["subsample"] >= 0 and row["n_points"] == size]
        spread[size] = float(np.std(same, ddof=1)) if len(same) > 1 else np.nan
    return [row | {"error": spread[row["n_points"]]} if row["subsample"] >= 0 else row for row in rows]


def _findings(name: str, rows: Rows) -> Row:
    known: Row = {"vectors": name}
    for part in rows["dimension_findings"]:
        known |= part
    told, table = known.pop("statement", ""), rows["dimension"]
    sizes, means, errors = _curve(table)
    plateau = find_plateau(sizes, means, errors)
    if plateau is not None:
        known |= {"plateau": plateau.dimension, "plateau_fewest": plateau.fewest, "plateau_most": plateau.most}
    return known | {"statement": told or dimension_statement(sizes, means, plateau, table)}


def _curve(rows: list[Row]) -> tuple[list[int], list[float], list[float]]:
    """Mean estimates by size, and their standard errors: the subsamples', and the fit on all points."""
    sizes, means, errors = [], [], []
    for size in sorted({row["n_points"] for row in rows if row["subsample"] >= 0}):
        same = [row for row in rows if row["subsample"] >= 0 and row["n_points"] == size]
        sizes.append(size)
        means.append(float(np.mean([row["dimension"] for row in same])))
        errors.append(float(same[0]["error"] / np.sqrt(len(same))))
    whole = [row for row in rows if row["subsample"] < 0 and row["fraction"] == _DECIMATION_FRACTION]
    if whole and whole[0]["n_points"] not in sizes:
        sizes.append(whole[0]["n_points"])
        means.append(float(_value(whole[0].get("dimension"), "float64")))
        errors.append(float(_value(whole[0].get("error"), "float64")))
    return sizes, means, errors


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    measured, sets = stored_keys(root, "dimension", "keys"), label_sets(root, recipe)
    for vectors in vector_sets(root, recipe):
        current = measured.get(vectors.name) == dimension_key(recipe, vectors, sets)
        yield Done.whole(vectors.name, len(vectors.rows), current)


STAGE = Stage(NAME, plan, TABLES, once_paired(_status))
