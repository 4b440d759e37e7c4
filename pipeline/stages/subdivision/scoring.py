"""Trees of sub-categories against label sets whose labels may be paths."""

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.errors import SemcorpusError
from pipeline.kernels.agreement.chance import adjusted_mutual_information
from pipeline.kernels.agreement.dendrogram_purity import dendrogram_purity
from pipeline.kernels.agreement.scores import agreement_scores
from pipeline.kernels.clustering.category_tree import Node, deepest_nodes, parents_of
from pipeline.stages.labels.sets import LabelSet
from pipeline.stages.subdivision.groups import Tree


def tree_scores(nodes: Sequence[Node], tree: Tree, sets: Sequence[LabelSet]) -> Iterator[dict[str, object]]:
    """A row for each level of the tree and each level of each label set.

    A picture that is in no part at a level counts with the node that it stays in; pictures in no category are not
    scored. The dendrogram purity is that of the whole tree, and so the same at all of its levels.
    """
    n_rows = len(tree.vectors.rows)
    deepest, parents = deepest_nodes(nodes, n_rows), parents_of(nodes)
    levels = range(max((node.level for node in nodes), default=-1) + 1)
    for labels in sets:
        for label_level in range(1, labels.levels + 1):
            positions, truth = labels.at_level(label_level, tree.vectors.rows)
            inside = deepest[positions] >= 0
            positions, truth = positions[inside], truth[inside]
            if len(positions) < 2:
                continue
            try:
                purity = dendrogram_purity(truth, deepest[positions], parents)
            except SemcorpusError:  # no two pictures have the same label
                purity = float("nan")
            for level in levels:
                categories = deepest_nodes(nodes, n_rows, level)[positions]
                found = agreement_scores(truth, categories)
                yield {
                    "tree": tree.name,
                    "level": level,
                    "set": labels.name,
                    "label_level": label_level,
                    "n_scored": len(positions),
                    "n_categories": len(np.unique(categories)),
                    "n_labels": len(np.unique(truth)),
                    "nmi": found.nmi,
                    "ami": adjusted_mutual_information(truth, categories),
                    "ari": found.ari,
                    "homogeneity": found.homogeneity,
                    "completeness": found.completeness,
                    "dendrogram_purity": purity,
                }


def node_labels(nodes: Sequence[Node], tree: Tree, sets: Sequence[LabelSet]) -> list[dict[str, object]]:
    """The most frequent whole label of each node (of equal ones the first in order), and its share of the labelled.

    Of the set whose labels are divided; else of the first one that labels a picture of the tree.
    """
    rows = tree.vectors.rows
    of_row = np.full(len(rows), "", object)
    for labels in sorted(sets, key=lambda found: (found.name != tree.settings.labels, found.name)):
        positions, truth = labels.at_level(labels.levels, rows)
        if len(positions):
            of_row[positions] = truth
            break
    found = []
    for node in nodes:
        names, counts = np.unique(of_row[node.rows].astype(str), return_counts=True)
        names, counts = names[names != ""], counts[names != ""]
        total = int(counts.sum())
        top = int(np.argmax(counts)) if total else -1
        found.append(
            {
                "label": str(names[top]) if total else "",
                "n_labelled": total,
                "purity": float(counts[top] / total) if total else float("nan"),
            }
        )
    return found
