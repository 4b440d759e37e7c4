"""Contact sheets: a sheet a cluster, or chosen images; with what a network sees beside each picture."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.errors import UsageError
from pipeline.imaging.views import views_by_shape
from pipeline.index.rows import read_rows
from pipeline.reporting.contact_sheet import EDGE_PX, SheetPicture, contact_sheet
from pipeline.reporting.heat import under_map
from pipeline.stages.clustering.stored import cluster_labels, find_clustering, stored_clusterings
from pipeline.stages.files.ledger import read_images, sources_of
from pipeline.stages.labels.sets import label_sets
from pipeline.stages.pictures.squares import stored_squares, width_over_height
from pipeline.stages.vectors.sets import VectorSet, vector_sets

See = Callable[[int], tuple[NDArray[np.uint8], NDArray[np.float64]]]
"""An image row to the picture and where a network answers in it (`pipeline.operations.seeing.Sight`)."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as PNG, the cluster that it shows, and how many pictures of how many."""

    cluster: int
    shown: int
    size: int
    data: bytes


def cluster_sheets(
    root: zarr.Group,
    recipe: Recipe,
    name: str,
    *,
    clusters: Sequence[int] = (),
    most: int = 24,
    see: See | None = None,
) -> Iterator[Sheet]:
    """A sheet a cluster: of many pictures an even choice from the one nearest to the cluster's mean to the farthest.

    Parameters
    ----------
    root : zarr.Group
    recipe : Recipe
    name : str
        The clustering, as reports call it.
    clusters : sequence of int
        Only these; -1 is what a method left in no cluster.
    most : int
        Pictures a sheet.
    see : callable, optional
        What draws a map beside each picture.

    Raises
    ------
    UsageError
        There is no such clustering or cluster.
    """
    found = find_clustering(root, recipe, name)
    if found is None:
        known = [one.name for stored in stored_clusterings(root, recipe) for one in stored.clusterings]
        raise UsageError(f"The index has no clustering {name!r}; it has {', '.join(known[:12]) or 'none'}.")
    stored, clustering = found
    of_image = cluster_labels(stored, root, clustering)
    members: dict[int, list[int]] = {}
    for row, cluster in sorted(of_image.items()):
        members.setdefault(cluster, []).append(row)
    if missing := [one for one in clusters if one not in members]:
        raise UsageError(f"{name} has no cluster {missing[0]}; it has {min(members)} to {max(members)}.")
    vectors = next((one for one in vector_sets(root, recipe) if one.name == clustering.vectors), None)
    for cluster in sorted(clusters or members):
        rows = np.array(members[cluster], np.int64)
        chosen = _spread(root, vectors, rows, most)
        title = f"{name}, " + ("in no cluster" if cluster < 0 else f"cluster {cluster}")
        title += f": {len(rows):,} pictures" + (f", {len(chosen)} shown" if len(chosen) < len(rows) else "")
        yield Sheet(cluster, len(chosen), len(rows), images_sheet(root, recipe, title, chosen.tolist(), see=see))


def images_sheet(
    root: zarr.Group, recipe: Recipe, title: str, images: Sequence[int], *, see: See | None = None
) -> bytes:
    """A sheet of image rows in their order, with path and labels below each, as PNG.

    Raises
    ------
    UsageError
        An image has no pixels yet, or ``see`` cannot draw it.
    """
    paths = {source.image: source.path for source in sources_of(root, images)}
    sets = label_sets(root, recipe)
    picture_of = read_images(root).picture
    made = []
    for image, shown in zip(images, _pictures(root, [int(picture_of[image]) for image in images]), strict=True):
        labels = "; ".join(one.of_image[row] for one in sets if (row := int(picture_of[image])) in one.of_image)
        beside = [shown] if see is None else [shown, under_map(shown, see(image)[1])[:, :, ::-1]]
        made.append(SheetPicture(beside, paths.get(image, f"image {image}"), labels))
    return contact_sheet(title, made)


def write_cluster_sheets(sheets: Iterator[Sheet], folder: Path) -> Mapping[int, Path]:
    """Write ``cluster-NNN.png`` (``noise.png``) for each sheet; the file by its cluster.

    Raises
    ------
    UsageError
        They cannot be written.
    """
    written = {}
    for sheet in sheets:
        written[sheet.cluster] = folder / ("noise.png" if sheet.cluster < 0 else f"cluster-{sheet.cluster:03d}.png")
        write_sheet(sheet.data, written[sheet.cluster])
    return written


def write_sheet(data: bytes, place: Path) -> None:
    """Write a sheet.

    Raises
    ------
    UsageError
        It cannot be written.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    except OSError as error:
        raise UsageError(f"The sheet cannot be written to {place}: {error.strerror}.") from error


def _spread(root: zarr.Group, vectors: VectorSet | None, rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many rows, from the nearest to their mean to the farthest; by row without vectors (of maps)."""
    positions = np.searchsorted(vectors.rows, rows) if vectors is not None else rows
    if vectors is not None and np.array_equal(vectors.rows[positions.clip(max=len(vectors.rows) - 1)], rows):
        values = vectors.read_some(root, positions).astype(np.float64)
        rows = rows[np.argsort(np.square(values - values.mean(axis=0)).sum(axis=1), kind="stable")]
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]


def _pictures(root: zarr.Group, pictures: Sequence[int]) -> list[NDArray[np.uint8]]:
    """Stored squares in their own proportions."""
    rows = np.array(pictures, np.int64)
    wanted, places = np.unique(rows, return_inverse=True)
    squares, aspects = read_rows(stored_squares(root), wanted), width_over_height(root)[wanted]
    made: dict[int, NDArray[np.uint8]] = {}
    for _, members, shown in views_by_shape(squares, aspects, side=EDGE_PX, views="whole"):
        made |= dict(zip(members.tolist(), shown, strict=True))
    return [made[place] for place in places.tolist()]
