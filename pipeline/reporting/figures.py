"""All figures of a report by name: one place that says which exist and what each shows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pipeline.reporting import (
    figures_categories,
    figures_clusters,
    figures_corpus,
    figures_maps,
    figures_scales,
    figures_vectors,
)
from pipeline.reporting.columns import Tables


@dataclass(frozen=True, slots=True)
class FigureKind:
    """How a figure is drawn, and the sentence that says what it shows to those who cannot see it."""

    draw: Callable[[Tables], bytes | None]
    description: str


MAX_PLACES = 4
"""Of a figure that exists for each network, set of vectors or label set so many are drawn."""


def _places(name: str, drawn: Callable[..., bytes | None], description: str) -> dict[str, FigureKind]:
    """A figure for each of the first places: one panel a file, so that a page of any width can lay them out."""
    names = [name, *(f"{name}_{number}" for number in range(2, MAX_PLACES + 1))]
    return {each: FigureKind(partial(drawn, place=place), description) for place, each in enumerate(names)}


FIGURES: dict[str, FigureKind] = {
    "ledger_status": FigureKind(
        figures_corpus.ledger_status, "Bars: the number of files with each status in the ledger."
    ),
    "formats": FigureKind(
        figures_corpus.formats, "Bars: the number of files of each format, told from the content of the files."
    ),
    "scale_histogram": FigureKind(
        figures_corpus.scale_histogram,
        "A histogram of the lengths that the scale bars state, from 1 nanometre to 1 millimetre.",
    ),
    "scale_endings": FigureKind(
        figures_corpus.scale_endings, "Bars: the number of pictures for each way in which reading the scale ended."
    ),
    "scale_agreement": FigureKind(
        figures_scales.scale_agreement,
        "The pixel size by the scale bar against that by the metadata, with the line on which they are equal.",
    ),
    "scale_deviations": FigureKind(
        figures_scales.scale_deviations,
        "A histogram of the difference of bar and metadata in percent, with the limits within which they agree.",
    ),
    "pixel_sizes": FigureKind(figures_scales.pixel_sizes, "A histogram over the pictures of the length of a pixel."),
    "field_widths": FigureKind(
        figures_scales.field_widths, "A histogram over the pictures of the width of the whole picture."
    ),
    **_places(
        "training",
        figures_vectors.training,
        "Curves: training loss (solid) and test loss (dashed) by epoch, a colour for each phase; "
        "gray lines are the losses of principal components of the same length.",
    ),
    "two_nn": FigureKind(
        figures_vectors.two_nn,
        "Intrinsic dimension by the 2-NN method against the number of points, with errors, "
        "one series for each set of vectors.",
    ),
    "gride": FigureKind(
        figures_vectors.gride,
        "Intrinsic dimension by Gride against the distance at which it was measured, with errors, "
        "one series for each set of vectors.",
    ),
    **_places(
        "distance_map",
        figures_vectors.distance_map,
        "Heat map: the mean distance between the vectors of each pair of labels.",
    ),
    "scree": FigureKind(figures_vectors.scree, "The share of the variance that each principal component explains."),
    "running_variance": FigureKind(
        figures_vectors.running_variance, "The running sum of the variance that principal components explain."
    ),
    **_places(
        "map",
        figures_maps.scatter,
        "Points: each picture in the map of its vectors, coloured by its label or by its cluster.",
    ),
    **_places(
        "nmi",
        figures_clusters.nmi,
        "Normalised mutual information with the labels against the number of clusters, a line for each "
        "method, with thin reference curves and a mark at the number of categories.",
    ),
    "confusion": FigureKind(
        figures_clusters.confusion,
        "Heat map: for each label, the share of its pictures that lies in each cluster.",
    ),
    "decision_graph": FigureKind(
        figures_clusters.decision_graph,
        "Points: density of each picture against its distance to the nearest denser one; the centres stand out.",
    ),
    "category_tree": FigureKind(
        figures_categories.category_tree,
        "Boxes, a column a level: each category as high as its number of pictures, its parts to the right of it, "
        "the darker the more stable when random shares of the pictures are divided again.",
    ),
    "cluster_sizes": FigureKind(
        figures_clusters.cluster_sizes, "Bars: the number of pictures in each cluster, largest first."
    ),
}


def build_figures(tables: Tables) -> dict[str, bytes]:
    """Return every figure that the tables have data for, as SVG by name.

    The same tables give the same bytes. A figure whose table is missing or empty is left out.

    Parameters
    ----------
    tables : mapping of str to pyarrow.Table
        The report tables by name.
    """
    drawn = {name: kind.draw(tables) for name, kind in FIGURES.items()}
    return {name: svg for name, svg in drawn.items() if svg is not None}
