"""Reading the label sets that the stage `labels` has matched."""

from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.index.arrays import attributes_of, whole_number
from pipeline.index.tables import column_of, read_table


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Labels of pictures, without the contradictory ones.

    Attributes
    ----------
    name : str
    key : int
        Changes with the labels.
    of_image : dict of int to str
        Image row of the picture to its label, which may be a path.
    """

    name: str
    key: int
    of_image: dict[int, str]

    @property
    def levels(self) -> int:
        """Depth of the label paths; 1 for flat labels."""
        return max((label.count("/") + 1 for label in self.of_image.values()), default=1)

    def at_level(self, level: int, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
        """Positions among ``rows`` that have a label, and their labels cut to ``level`` parts."""
        positions = [i for i, row in enumerate(rows.tolist()) if row in self.of_image]
        labels = ["/".join(self.of_image[int(rows[i])].split("/")[:level]) for i in positions]
        return np.array(positions, np.int64), np.array(labels, dtype=np.str_)


def label_sets(root: zarr.Group, recipe: Recipe) -> list[LabelSet]:
    """The recipe's label sets that have been matched."""
    found = []
    for name in sorted(recipe.labels.sets):
        table = read_table(root, f"labels/{name}") if f"labels/{name}" in root else {}
        if not table:
            continue
        key = whole_number(attributes_of(root, f"labels/{name}"), "key")
        good = ~column_of(table, "contradictory", np.bool_)
        pairs = zip(table["images"][good].tolist(), table["label"][good].tolist(), strict=True)
        found.append(LabelSet(name, key, dict(pairs)))
    return found
