"""Where in pictures the features answer that tell them apart."""

import io

import numpy as np
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from pipeline.operations.seeing import component_of_row
from pipeline.reporting.figure_style import draw
from pipeline.studies.base import Drawing
from pipeline.studies.results import Results


def activations(results: Results, rows: NDArray[np.int64], kinds: NDArray[np.str_], vectors: str) -> Drawing:
    """Draw the first picture of each kind, and over it the last maps, weighted by the first component's loadings.

    Parameters
    ----------
    results : Results
    rows : int64 [n]
        Image rows.
    kinds : text [n]
    vectors : str
        An embedding by a network of timm.
    """
    from matplotlib.image import imread

    names = np.unique(kinds)
    shown = [int(rows[kinds == name].min()) for name in names]
    pictures = [component_of_row(results.root, results.recipe, row, vectors, 1) for row in shown]

    def paint(figure: Canvas) -> None:
        for axes, name, data in zip(figure.subplots(1, len(names), squeeze=False)[0], names, pictures, strict=True):
            axes.imshow(imread(io.BytesIO(data)))
            axes.set(xticks=[], yticks=[], title=str(name))
            axes.grid(False)

    caption = "Where the features answer that make the first component (last maps by the size of their loadings)."
    return Drawing("activations", caption, draw("activations", paint, width=9, height=2.2))
