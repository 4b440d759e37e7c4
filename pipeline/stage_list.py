"""The stages of the pipeline, in its order: one entry each. Imports nothing, so that ``semcorpus --help`` is quick.

To add a stage: a folder in `pipeline/stages` and an entry here. The entry's module defines ``STAGE``
(`pipeline.runtime.plan.Stage`), which declares the stage's tables, its status and how it forgets. Options of its own
are a class ``OPTIONS`` (`pipeline.settings.Settings`) in the module that the entry names; recipes know them as
``[NAME]``.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class StageEntry:
    """A stage, before anything of it is imported.

    Attributes
    ----------
    name : str
        Of the command, of the recipe's table, and in commits.
    module : str
        Defines ``STAGE``.
    version : int
        Raised when the method changes so that its results do; rows made by an older version are then made again.
    summary : str
        What it does, as a sentence.
    options : str
        Module that defines ``OPTIONS``; empty for a stage whose options stand in `pipeline.config.recipe`.
    """

    name: str
    module: str
    version: int
    summary: str
    options: str = ""


_AT: Final = "pipeline.stages."

STAGE_LIST: Final = (
    StageEntry("walk", _AT + "files.walk", 7, "List the corpus, digest what is new or changed, keep the ledger."),
    StageEntry("pair", _AT + "duplicates.pair", 6, "Find the files that show one picture; choose one to stand for it."),
    StageEntry("arrays", _AT + "arrays.bring", 1, "Bring in rows of arrays, where a corpus is no heap of pictures."),
    StageEntry("labels", _AT + "labels.match", 4, "Match label sets to pictures by content."),
    StageEntry("scale", _AT + "scale.read", 16, "Read the physical scale from metadata and data bars."),
    StageEntry("pixels", _AT + "pictures.pixels", 3, "Make the network-sized pictures."),
    StageEntry("embed", _AT + "vectors.embed", 2, "Make a vector for every picture."),
    StageEntry(
        "autoencode", _AT + "vectors.autoencode", 3, "Train autoencoders on the vectors and make shorter codes."
    ),
    StageEntry("neighbours", _AT + "neighbours.search", 3, "Find the exact nearest neighbours of every vector."),
    StageEntry("map", _AT + "maps.lay_out", 1, "Lay the vectors out in few dimensions, by t-SNE or UMAP."),
    StageEntry("dimension", _AT + "dimension.estimate", 3, "Estimate the intrinsic dimension."),
    StageEntry("cluster", _AT + "clustering.cluster", 1, "Cluster every set of vectors."),
    StageEntry(
        "assess",
        _AT + "assessment.assess",
        1,
        "Measure the clusterings without labels, and recommend a number of clusters.",
    ),
    StageEntry(
        "subdivide",
        _AT + "subdivision.subdivide",
        1,
        "Divide each label or cluster into a tree of sub-categories.",
    ),
    StageEntry("agree", _AT + "agreement.agree", 3, "Score the clusterings against the labels."),
    StageEntry("report", _AT + "report.write", 1, "Write the tables, the figures and the page."),
)

STAGE_NAMES: Final = tuple(entry.name for entry in STAGE_LIST)
VERSIONS: Final = {entry.name: entry.version for entry in STAGE_LIST}
SUMMARIES: Final = {entry.name: entry.summary for entry in STAGE_LIST}
