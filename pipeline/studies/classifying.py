"""What vectors tell of labels, by their nearest neighbours; and how points and labels are drawn."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pipeline.reporting.figure_style import series_style


def neighbour_accuracy(
    points: NDArray[np.floating], kinds: NDArray[np.str_], test: NDArray[np.bool_], *, neighbours: int = 15
) -> float:
    """Share of the test points that get their own kind from the majority of their nearest training points.

    Parameters
    ----------
    points : float [n, D]
    kinds : text [n]
    test : bool [n]
        Which are tested; the others are what they are compared with.
    """
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(min(neighbours, int(np.sum(~test)))).fit(points[~test], kinds[~test])
    return float(np.mean(model.predict(points[test]) == kinds[test]))


def dealt_accuracy(
    points: NDArray[np.floating], kinds: NDArray[np.str_], *, share: float, repeats: int = 20, neighbours: int = 15
) -> float:
    """The mean of `neighbour_accuracy` over random tests of a share of the points, the same in every run."""
    generator, n = np.random.default_rng(0), len(kinds)
    tests = (np.isin(np.arange(n), generator.permutation(n)[: max(1, round(share * n))]) for _ in range(repeats))
    return float(np.mean([neighbour_accuracy(points, kinds, test, neighbours=neighbours) for test in tests]))


def apart_accuracy(points: NDArray[np.floating], kinds: NDArray[np.str_], parents: NDArray[np.str_]) -> float:
    """One parent of each kind for training, the other for the test, and the other way round: the mean of both.

    Parameters
    ----------
    points : float [n, D]
    kinds, parents : text [n]
        Two parents a kind.
    """
    pairs = [sorted(set(parents[kinds == kind])) for kind in np.unique(kinds)]
    tests = [np.isin(parents, [pair[side] for pair in pairs]) for side in (0, -1)]
    return float(np.mean([neighbour_accuracy(points, kinds, test) for test in tests if not test.all()]))


def draw_kinds(axes: Axes, places: NDArray[np.floating], kinds: NDArray[np.str_], *, size: float = 6) -> None:
    """Points [n, 2] in a colour and a marker a kind; no two kinds look alike, up to 49 of them."""
    for number, kind in enumerate(np.unique(kinds)):
        color, marker = series_style(number)[0], series_style(number + number // 7)[1]
        shown = places[kinds == kind]
        axes.scatter(
            shown[:, 0], shown[:, 1], s=size, c=color, marker=marker, linewidths=0, label=kind, rasterized=True
        )
    axes.set(xticks=[], yticks=[])
